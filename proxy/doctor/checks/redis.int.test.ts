import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { certificateFiles } from '../../../compose/test/kit/servers/certificate-files.ts'
import { skipUnless } from '../../../compose/test/kit/skip.ts'
import {
  ensureRedis,
  startRedis,
  startRedisCluster,
  startSentinelRedis,
} from '../../../compose/test/services/redis.ts'
import { until } from '../../../compose/test/until.ts'
import { examine } from '../examine.ts'
import type { Finding } from '../finding.ts'
import { redisCheck } from './redis.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const look = (urls: string, more: Readonly<Record<string, string>> = {}): Promise<readonly Finding[]> =>
  examine({ redis: redisCheck }, exampleAbout({ REDIS_URL: urls, ...more }))

/** The verdict that fits the time of the ping: on a busy machine loopback is slow, too. */
const pingVerdict = ([ping]: readonly Finding[]): string =>
  (ping?.numbers.elapsedMs ?? 0) > 25 ? 'warn' : 'ok'

it('a Redis that keeps everything is good', async () => {
  await using redis = await startRedis()
  const found = await look(redis.url)
  assert.equal(verdictsOf(found), {
    'redis.node-1.ping': pingVerdict(found),
    'redis.node-1.eviction': 'ok',
    'redis.node-1.appendonly': 'ok',
    'redis.node-1.write': 'ok',
  })
})

it('a Redis that may lose state is reported, with the line for redis.conf', async () => {
  await using redis = await startRedis({
    args: ['--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no'],
  })
  const found = await look(redis.url)
  assert.equal(verdictsOf(found), {
    'redis.node-1.ping': pingVerdict(found),
    'redis.node-1.eviction': 'fail',
    'redis.node-1.appendonly': 'warn',
    'redis.node-1.write': 'ok',
  })
  assert.match(found[1]?.advice ?? '', 'maxmemory-policy noeviction')
})

it('a Redis that answers and refuses writes is reported as such', async () => {
  await using master = await startRedis()
  await using redis = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
  const write = (await look(redis.url)).find(({ id }) => id === 'redis.node-1.write')
  assert.is(write?.verdict, 'fail')
  assert.match(write?.states ?? '', 'READONLY')
  assert.match(write?.advice ?? '', 'replica')
})

it('a wrong password is reported, and not printed', async () => {
  await using redis = await startRedis()
  const [found] = await look(`redis://user:hush@127.0.0.1:${redis.port}`)
  assert.is(found?.verdict, 'fail')
  assert.match(found?.states ?? '', /WRONGPASS/)
  assert.not.match(JSON.stringify(found), 'hush')
})

it('nodes of a cluster are recognised', async () => {
  await using cluster = await startRedisCluster()
  const all = verdictsOf(await look(cluster.urls.join(',')))
  assert.equal(
    [1, 2, 3].map((node) => all[`redis.node-${node}.cluster`]),
    ['ok', 'ok', 'ok'],
  )
  assert.is(all['redis.node-1.replicas'], 'warn')
  const single = (await look(cluster.urls[0]!)).find(({ id }) => id === 'redis.node-1.cluster')
  assert.is(single?.verdict, 'fail')
  assert.match(single?.advice ?? '', 'REDIS_URL=redis+cluster://')
  assert.is(
    verdictsOf(await look(`redis+cluster://127.0.0.1:${cluster.nodes[0]?.port}`))['redis.node-1.cluster'],
    'ok',
  )
})

it('Sentinels and their master are examined, by TLS and with both passwords, which are not printed', async () => {
  using files = certificateFiles()
  await using redis = await startSentinelRedis({
    tls: files.tls,
    password: 'hush',
    sentinelPassword: 'watch',
  })
  const ca = { REDIS_CA: files.tls.ca }
  const found = await look(redis.url, ca)
  const one = (number: number) => ({
    [`redis.sentinel-${number}.ping`]: 'ok',
    [`redis.sentinel-${number}.master`]: 'ok',
    [`redis.sentinel-${number}.quorum`]: 'ok',
  })
  assert.equal(verdictsOf(found), {
    ...one(1),
    ...one(2),
    ...one(3),
    'redis.master.ping': pingVerdict(found.filter(({ id }) => id === 'redis.master.ping')),
    'redis.master.eviction': 'ok',
    'redis.master.appendonly': 'ok',
    'redis.master.replicas': 'ok',
    'redis.master.write': 'ok',
  })
  const [wrongLogin] = await look(redis.url.replace('watch', 'hush2'), ca)
  assert.match(wrongLogin?.states ?? '', 'Sentinel 1 of REDIS_URL answers, but refuses: WRONGPASS')
  assert.match(wrongLogin?.advice ?? '', '?sentinelPassword=')
  const wrongName = await look(redis.url.replace('/family', '/other'), ca)
  assert.is(verdictsOf(wrongName)['redis.sentinel-1.master'], 'fail')
  const [untrusted] = await look(redis.url)
  assert.is(untrusted?.verdict, 'fail')
  assert.match(untrusted?.advice ?? '', 'REDIS_CA')
  await Promise.all(redis.sentinels.slice(1).map((sentinel) => sentinel.kill()))
  await redis.nodes[1].kill()
  const left = await examineUntil(() => look(redis.url, ca), 'redis.sentinel-1.quorum', 'warn')
  assert.is(left['redis.sentinel-2.ping'], 'fail')
  assert.is(left['redis.master.replicas'], 'warn')
  assert.not.match(JSON.stringify([found, wrongLogin, wrongName, untrusted]), /hush|watch/)
})

/** The verdicts, once a finding has this one: Sentinels need a second to notice a loss. */
const examineUntil = async (looking: () => Promise<readonly Finding[]>, id: string, verdict: string) =>
  until(async () => {
    const verdicts = verdictsOf(await looking())
    return verdicts[id] === verdict ? verdicts : null
  }, `${id} is ${verdict}`)

test('without Redis there is one line, and a Redis that does not answer is a failure', async () => {
  assert.equal(verdictsOf(await examine({ redis: redisCheck }, exampleAbout())), { 'redis.use': 'ok' })
  assert.equal(verdictsOf(await look('redis://127.0.0.1:1')), { 'redis.node-1.ping': 'fail' })
})

test('a host of REDIS_URL without a DNS answer is reported with setting and cause, and not printed', async () => {
  const found = await examine(
    { redis: redisCheck },
    exampleAbout({ REDIS_URL: 'redis://:x@no-such.invalid:1' }),
  )
  const ping = found.find(({ id }) => id === 'redis.node-1.ping')
  // EAI_AGAIN where the machine has no resolver.
  assert.match(ping?.states ?? '', /ENOTFOUND|EAI_AGAIN/)
  if (ping?.states.includes('ENOTFOUND'))
    assert.match(ping.advice ?? '', 'REDIS_URL: correct it; in a password write @ as %40')
  assert.not.match(JSON.stringify(found), 'no-such')
})

test.run()
