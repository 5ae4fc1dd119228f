import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, connectClient, newSecret } from '../../compose/test/kit/client/client.ts'
import { startFleet } from '../../compose/test/kit/processes/fleet.ts'
import { type Appliance, startAppliance } from '../../compose/test/kit/processes/harness.ts'
import { reachedBy, type Way, ways } from '../../compose/test/kit/servers/advertising.ts'
import { fakeDatacenter } from '../../compose/test/kit/servers/fake-datacenter.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka } from '../../compose/test/services/kafka.ts'
import { ensureRedis, startRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'

const there = ensureKafka() !== null && ensureRedis() !== null
const it = skipUnless(test, there, 'Kafka or Redis is missing')

const MiB = 1_048_576

const refusals = (proxy: Appliance, reason: string): Promise<number> =>
  proxy.metric('mtscope_handshakes_rejected_total', { reason })

/** Whether a client is answered (then it stays open), or refused for `reason`. */
const tries = async (
  proxy: Appliance,
  secret: string,
  reason: string,
  localAddress = '127.0.0.1',
): Promise<Client | 'refused'> => {
  const before = await refusals(proxy, reason)
  const client = await connectClient({ port: proxy.port, secret, mode: 'secure', localAddress })
  let answered = false
  client.reqPq().then(
    () => {
      answered = true
    },
    () => {},
  )
  const is = await until(async () => {
    if (answered) return 'answered'
    return (await refusals(proxy, reason)) > before ? 'refused' : null
  }, `an answer, or a refusal for ${reason}`)
  if (is === 'answered') return client
  await client[Symbol.asyncDispose]()
  return 'refused'
}

const twoProxies = async (env: Record<string, string>, way: Way = 'directly') => {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const datacenter = stack.use(await fakeDatacenter())
  const secret = newSecret()
  const through = await reachedBy(way, stack)
  const start = (name: string): Promise<Appliance> =>
    startAppliance({
      program: 'proxy/main.ts',
      datacenters: { 2: datacenter },
      env: {
        ...{ NODE_NAME: name, REDIS_URL: redis.url, USER1_SECRET: secret, USER1_NAME: 'one' },
        ...{ MTPROTO_HOST: '0.0.0.0', WORKERS: '1', ...through, ...env },
      },
    })
  const [a, b] = await Promise.all([start('a'), start('b')])
  const proxies = [stack.use(a), stack.use(b)] as const
  const owned = stack.move()
  return { redis, secret, proxies, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

for (const way of ways)
  it(`${way}: connections of a user count over all proxies, and come back at a close and when a proxy ends`, async () => {
    await using of = await twoProxies({ USER1_MAX_CONNECTIONS: '3' }, way)
    const [a, b] = of.proxies
    const open: Client[] = []
    for (const proxy of [a, b, a]) {
      const client = await tries(proxy, of.secret, 'user-connections')
      assert.not.equal(client, 'refused')
      if (client !== 'refused') open.push(client)
    }
    for (const proxy of [a, b]) assert.is(await tries(proxy, of.secret, 'user-connections'), 'refused')
    await open[0]![Symbol.asyncDispose]()
    const next = await until(async () => {
      const client = await tries(b, of.secret, 'user-connections')
      return client === 'refused' ? null : client
    }, 'the place of the closed connection')
    // The one of a is open; a ends, and gives its places back.
    await a.stop()
    const last = await until(async () => {
      const client = await tries(b, of.secret, 'user-connections')
      return client === 'refused' ? null : client
    }, 'the place of the proxy that ended')
    assert.ok((await b.metric('mtscope_user_leases_total', { outcome: 'granted' })) >= 1)
    for (const client of [...open, next, last]) await client[Symbol.asyncDispose]()
  })

for (const way of ways)
  it(`${way}: addresses of a user count over all proxies`, async () => {
    await using of = await twoProxies({ USER1_MAX_IPS: '2' }, way)
    const [a, b] = of.proxies
    for (const [proxy, address] of [
      [a, '127.0.0.2'],
      [b, '127.0.0.3'],
      [b, '127.0.0.2'],
    ] as const) {
      const client = await tries(proxy, of.secret, 'user-addresses', address)
      assert.not.equal(client, 'refused')
      if (client !== 'refused') await client[Symbol.asyncDispose]()
    }
    for (const proxy of [a, b])
      assert.is(await tries(proxy, of.secret, 'user-addresses', '127.0.0.4'), 'refused')
    // Names of addresses in Redis are hashes with a key that it does not have.
    const stored = await of.redis.ask('ZRANGE', 'mtscope:{mtscope.user.one}:addresses', '0', '-1')
    assert.match(stored, /[0-9a-f]{16}/)
    assert.not.match(stored, /127\.0/)
  })

it('while Redis is away each proxy counts alone, and reports it; later they count together again', async () => {
  await using of = await twoProxies({ USER1_MAX_CONNECTIONS: '2' })
  const [a, b] = of.proxies
  await of.redis.kill()
  const open: Client[] = []
  for (const proxy of [a, a, b, b]) {
    const client = await tries(proxy, of.secret, 'user-connections')
    assert.not.equal(client, 'refused', 'each proxy has the whole limit')
    if (client !== 'refused') open.push(client)
  }
  assert.is(await tries(a, of.secret, 'user-connections'), 'refused')
  assert.ok((await a.metric('mtscope_user_leases_total', { outcome: 'unanswered' })) >= 2)
  await of.redis.start()
  // Both renew what they have: four are open, and one that closes leaves three.
  await until(
    async () =>
      (await of.redis.ask('HLEN', 'mtscope:{mtscope.user.one}:connections').catch(() => '')).startsWith(':2'),
    'the leases of both',
    60_000,
  )
  await open[0]![Symbol.asyncDispose]()
  assert.is(await tries(a, of.secret, 'user-connections'), 'refused')
  for (const client of open) await client[Symbol.asyncDispose]()
})

it('a quota stops a user on every proxy within 10 s of the byte that crossed it', async () => {
  await using fleet = await startFleet({
    proxies: 2,
    collectors: 1,
    env: { USER1_NAME: 'one', USER1_QUOTA_MONTH: '6M' },
  })
  const [a, b] = fleet.proxies as [Appliance, Appliance]
  const { secret } = a
  await using idle = await connectClient({ port: b.port, secret, mode: 'secure' })
  await idle.reqPq()
  await using busy = await connectClient({ port: a.port, secret, mode: 'secure' })
  await busy.download(4 * MiB)
  await idle.download(MiB)
  const crossing = busy.download(2 * MiB).catch(() => {})
  await crossing
  const crossedAt = performance.now()
  await Promise.all([busy.closed, idle.closed])
  const tookMs = performance.now() - crossedAt
  // Promised are 10 s; a machine that is many times slower than its events must pass, too.
  assert.ok(tookMs < 60_000, `${tookMs} ms`)
  for (const proxy of [a, b]) assert.is(await tries(proxy, secret, 'quota'), 'refused')
})

test.run()
