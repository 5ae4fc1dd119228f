import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startForwarder } from '../../compose/proofs/faults/forwarder.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import { sharedClaims } from '../replay-cache/redis.ts'
import { connectRedis, refusalCountsOf, refusalOf, script } from './connect.ts'
import { refusalIn } from './refusal.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

/** A client of the Redis at a port, and the lines that it logs. */
const connecting = async (port: number, login = '') => {
  const lines: string[] = []
  const redis = connectRedis(
    { urls: [`redis://${login}127.0.0.1:${port}`], prefix: 'x' },
    'test',
    (_, line, fields) => lines.push(`${line} ${fields?.reason ?? fields?.after ?? ''}`.trim()),
  )
  await new Promise((resolve) => redis.once('ready', resolve))
  return { redis, lines, [Symbol.dispose]: () => redis.disconnect() }
}

const digest = (): string => crypto.randomUUID().replaceAll('-', '')

it('after a fail-over writes go to the new master without a restart, and the log has one line for each change', async () => {
  await using old = await startRedis()
  await using next = await startRedis()
  let port = old.port
  await using way = await startForwarder(() => port)
  using it = await connecting(way.port)
  using admin = await connecting(old.port)
  const claims = sharedClaims({ redis: it.redis, prefix: 'x', windowMs: 60_000, timeoutMs: 5_000 })
  assert.is(await claims.claim(digest(), 'c'), 'new')
  await admin.redis.call('REPLICAOF', '127.0.0.1', String(next.port))
  // From now on the address leads to the new master; the open connection stays with the old one.
  port = next.port
  await until(async () => (await claims.claim(digest(), 'c')) === 'new', 'a claim succeeds again')
  assert.ok(claims.counts.refused > 0)
  await until(() => it.lines.includes('redis-back READONLY'), 'the end of the refusal is logged', 60_000)
  assert.equal(it.lines, ['redis-refuses READONLY', 'redis-back READONLY'])
  assert.is(refusalOf(it.redis), null)
})

for (const [why, set, unset] of [
  ['OOM', ['maxmemory', '1'], ['maxmemory', '0']],
  ['NOREPLICAS', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
] as const) {
  it(`${why} is logged once, and is over when Redis accepts writes again`, async () => {
    await using server = await startRedis()
    using it = await connecting(server.port)
    const take = script('take')
    await it.redis.config('SET', ...set)
    const failed = await take(it.redis, ['a', 'b'], ['o', 'l']).catch((error: unknown) => error)
    assert.is(refusalIn(failed), why)
    assert.is(refusalOf(it.redis), why)
    assert.ok(refusalCountsOf(it.redis)[why] > 0)
    assert.is(refusalCountsOf(it.redis).NOPERM, 0)
    await it.redis.set('c', '1').catch(() => {})
    await it.redis.config('SET', ...unset)
    await until(() => it.lines.length === 2, 'the end of the refusal is logged', 60_000)
    assert.equal(it.lines, [`redis-refuses ${why}`, `redis-back ${why}`])
  })
}

it('a refusal by an ACL is logged, and reconnects to a replica log no further lines', async () => {
  await using server = await startRedis()
  await using master = await startRedis()
  using admin = await connecting(server.port)
  await admin.redis.call(
    'ACL',
    'SETUSER',
    'reader',
    'on',
    '>hush',
    '~*',
    '+@read',
    '+info',
    '+client',
    '+select',
  )
  using reader = await connecting(server.port, 'reader:hush@')
  await reader.redis.set('a', '1').then(
    () => assert.unreachable(),
    () => {},
  )
  assert.is(refusalOf(reader.redis), 'NOPERM')
  assert.equal(reader.lines, ['redis-refuses NOPERM'])
  await admin.redis.call('REPLICAOF', '127.0.0.1', String(master.port))
  let closes = 0
  admin.redis.on('close', () => closes++)
  await until(async () => {
    await admin.redis.set('a', '1').catch(() => {})
    return closes >= 2
  }, 'the client reconnected twice')
  assert.equal(admin.lines, ['redis-refuses READONLY'])
})

test.run()
