import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createSharedBook } from '../../collector/alerts/engine/shared-book.ts'
import { takePartition } from '../../collector/state/redis-hold.ts'
import { readPartition } from '../../collector/state/redis-read.ts'
import { session } from '../../compose/test/kit/examples/example-events.ts'
import { certificateFiles } from '../../compose/test/kit/servers/certificate-files.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import {
  ensureRedis,
  startRedis,
  startRedisCluster,
  startSentinelRedis,
} from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import type { RedisConfig } from '../config/config.ts'
import { redisUrls } from '../config/redis-url.ts'
import { sharedClaims } from '../replay-cache/redis.ts'
import { connectRedis, refusalOf } from './connect.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const urlsOf = (text: string): readonly string[] => {
  const read = redisUrls(text)
  if (!read.ok) throw new Error(read.mistake)
  return read.value
}

/** A client of a REDIS_URL, and the lines that it logs. */
const connecting = (url: string, more: Partial<RedisConfig> = {}) => {
  const lines: string[] = []
  const redis = connectRedis(
    { urls: urlsOf(url), prefix: 'x', ...more },
    'test',
    (_, line, { reason, hint } = {}) => lines.push(`${line} ${reason ?? ''} ${hint ?? ''}`.trim()),
  )
  return { redis, lines, [Symbol.dispose]: () => redis.disconnect() }
}
type Connecting = ReturnType<typeof connecting>

const ready = async ({ redis, lines }: Connecting): Promise<void> => {
  await until(() => redis.status === 'ready', 'the client is connected').catch((error: unknown) => {
    throw new Error(`${error} ${lines.join()}`)
  })
}

const digest = (): string => crypto.randomUUID().replaceAll('-', '')

/** Whether everything works that mtscope does with Redis: claims, the state of partitions on all nodes, and alerts. */
const works = async ({ redis }: Connecting, prefix: string): Promise<void> => {
  const claims = sharedClaims({ redis, prefix, windowMs: 60_000, timeoutMs: 10_000 })
  const digests = Array.from({ length: 30 }, digest)
  const claim = () => Promise.all(digests.map((one) => claims.claim(one, 'c')))
  assert.equal(
    await claim(),
    digests.map(() => 'new'),
  )
  assert.equal(
    await claim(),
    digests.map(() => 'seen'),
  )
  const partitions = Array.from({ length: 12 }, (_, partition) => partition)
  const holds = await Promise.all(partitions.map((partition) => takePartition({ redis, prefix, partition })))
  for (const hold of holds)
    hold.fold({ node: 'n', boot: 'b', seq: 1, events: session({ at: Date.now(), toClient: 10 }) })
  // At the same time: ioredis then sends those of one node together.
  assert.equal(
    await Promise.all(holds.map((hold) => hold.commit(1, 1))),
    partitions.map(() => 'advanced'),
  )
  await Promise.all(holds.map((hold) => hold.expire(Date.now())))
  const read = await Promise.all(partitions.map((partition) => readPartition(redis, prefix, partition)))
  for (const one of read) assert.is(one?.aggregates.counts.get('ever')?.get(0)?.get('to-client'), 10)
  const outboxes = ['to-kafka', 'to-webhook']
  const book = createSharedBook({ redis, prefix, owner: 'o', outboxes, logger: () => {} })
  await redis.set(`${prefix}:{${prefix}.alerts}:lease`, 'o')
  assert.ok(await book.write([]))
}

it('REDIS_URL of a cluster, with TLS and a password, serves claims, state and alerts on all nodes', async () => {
  using files = certificateFiles()
  await using cluster = await startRedisCluster({ tls: files.tls, password: 'hush' })
  const port = cluster.nodes[0]?.port
  // One node is enough: it names the others.
  using it = connecting(`rediss+cluster://:hush@127.0.0.1:${port}`, { caFile: files.tls.ca })
  await ready(it)
  await works(it, 'm')
  using untrusting = connecting(`rediss+cluster://:hush@127.0.0.1:${port}`)
  await until(() => untrusting.lines.length > 0, 'an authority that is not trusted is logged')
  assert.match(untrusting.lines[0]!, /^redis-lost /)
  assert.not.match(untrusting.lines.join(), /hush/)
})

it('a single Redis with TLS is reached by REDIS_CA', async () => {
  using files = certificateFiles()
  await using server = await startRedis({ tls: files.tls })
  using it = connecting(server.url, { caFile: files.tls.ca })
  await ready(it)
  await works(it, 'm')
  using untrusting = connecting(server.url)
  await until(() => untrusting.lines.length > 0, 'an authority that is not trusted is logged')
  assert.match(untrusting.lines[0]!, /CERT|SELF_SIGNED|UNABLE/)
})

it('when a master of a cluster is lost, its replica serves the same client', async () => {
  await using cluster = await startRedisCluster({ replicas: 1 })
  using it = connecting(cluster.urls.join())
  await ready(it)
  await works(it, 'before')
  await cluster.nodes[0]!.kill()
  await until(
    async () => (await it.redis.set('{0}x', '1').catch(() => '')) === 'OK' && (await all(it)),
    'every slot is served',
  )
  await works(it, 'after')
  await until(() => refusalOf(it.redis) === null, 'the refusal is over')
})

/** Whether keys of many slots can be written. */
const all = async ({ redis }: Connecting): Promise<boolean> =>
  Promise.all(Array.from({ length: 50 }, (_, n) => redis.set(`key-${n}`, '1'))).then(
    () => true,
    () => false,
  )

it('with Sentinel a client finds the master, and the next one after a fail-over, with TLS and passwords', async () => {
  using files = certificateFiles()
  await using servers = await startSentinelRedis({
    tls: files.tls,
    password: 'hush',
    sentinelPassword: 'watch+=',
  })
  using it = connecting(servers.url, { caFile: files.tls.ca })
  await ready(it)
  await works(it, 'before')
  await servers.nodes[0].kill()
  await until(async () => (await servers.master()) === servers.nodes[1], 'the replica is the master')
  await ready(it)
  await works(it, 'after')
  // The old master comes back as a replica, which must not get the client.
  await servers.nodes[0].start()
  await works(it, 'later')
  assert.equal(
    it.lines.map((line) => line.split(' ')[0]),
    ['redis-lost', 'redis-back'],
  )
})

it('a fail-over away from a master that still runs is followed', async () => {
  await using servers = await startSentinelRedis()
  using it = connecting(servers.url)
  await ready(it)
  await until(
    async () => (await servers.sentinels[0]!.ask('SENTINEL', 'FAILOVER', 'family')).startsWith('+OK'),
    'the fail-over begins',
  )
  await until(async () => (await servers.master()) === servers.nodes[1], 'the replica is the master')
  await until(
    async () =>
      (await it.redis.set('a', '1').catch(() => '')) === 'OK' &&
      (await servers.nodes[1].ask('GET', 'a')) !== '$-1\r\n',
    'writes go to the new master',
  )
})

it('Sentinels that do not lead to a master are reported with their reason, without a password', async () => {
  await using servers = await startSentinelRedis({ sentinelPassword: 'watch' })
  const [, at] = /sentinel:\/\/([^/]*)/.exec(servers.url) ?? []
  for (const [url, reason] of [
    [`redis+sentinel://${at}/other?sentinelPassword=watch`, 'no-master'],
    [`redis+sentinel://${at}/family?sentinelPassword=hush`, 'sentinel-login'],
    [`redis+sentinel://${at}/family`, 'sentinel-login'],
    ['redis+sentinel://127.0.0.1:1/family?sentinelPassword=hush', 'no-sentinel'],
  ] as const) {
    using it = connecting(url)
    await until(() => it.lines.length > 0, `${reason} is logged`)
    assert.match(
      it.lines[0]!,
      new RegExp(`^redis-lost ${reason} .*(?:Sentinels? of|at the end of) REDIS_URL`),
    )
    assert.not.match(it.lines.join(), /hush|127\.0\.0\.1/)
  }
})

it('a node of a cluster behind the URL of a single Redis is reported with the right form', async () => {
  await using cluster = await startRedisCluster()
  using it = connecting(cluster.urls[0]!)
  await ready(it)
  await all(it)
  assert.match(it.lines.join(), /redis-refuses MOVED .*REDIS_URL=redis\+cluster:\/\//)
})

test.run()
