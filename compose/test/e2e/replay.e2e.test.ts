import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { observe } from '../kit/client/probe.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { echoSite } from '../kit/servers/site.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureRedis, startRedis } from '../services/redis.ts'
import { until } from '../until.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

/** Sends a captured handshake again: the answer must be that of the masking host. */
const isFronted = async ({ port }: Appliance, captured: Buffer): Promise<void> => {
  const { bytes, end } = await observe(port, [captured, 'fin'])
  assert.is(end, 'fin')
  assert.ok(bytes.equals(Buffer.concat([captured, Buffer.from('bye')])))
}

/** Whether a number of a scrape, which may be a second old, becomes greater than `before`. */
const grows = (read: () => Promise<number>, before: number): Promise<boolean> =>
  until(async () => (await read()) > before, 'it grows', 5_000).then(
    () => true,
    () => false,
  )

/**
 * On a busy machine Redis may not answer within 50 ms; then a proxy decides alone and counts it. In that case the
 * attempt is repeated.
 */
const answered = async <T>(proxies: readonly Appliance[], work: () => Promise<T>): Promise<T> => {
  const unanswered = async (): Promise<number> => {
    const each = proxies.map((one) => one.metric('mtscope_replay_claims_total', { outcome: 'unanswered' }))
    return (await Promise.all(each)).reduce((sum, n) => sum + n, 0)
  }
  for (let tries = 1; ; tries++) {
    const before = await unanswered()
    try {
      return await work()
    } catch (error) {
      if (tries === 5 || !(await grows(unanswered, before))) throw error
    }
  }
}

for (const portable of ['false', 'true']) {
  it(`a handshake captured at one proxy is refused by the other and after a restart${portable === 'true' ? ', by node:net' : ''}`, async () => {
    await using site = await echoSite()
    await using dc = await fakeDatacenter()
    await using redis = await startRedis()
    const env = { REDIS_URL: redis.url, PORTABLE_RELAY: portable, WORKERS: '2' }
    await using a = await startAppliance({ site, datacenters: { 2: dc }, env: { ...env, NODE_NAME: 'a' } })
    const own = { ...env, NODE_NAME: 'b', USER1_SECRET: a.secret }
    await using b = await startAppliance({ site, datacenters: { 2: dc }, env: own })
    for (const mode of ['classic', 'secure', 'tls'] as const) {
      const captured = await answered([a, b], async () => {
        await using client = await connectClient({ mode, port: a.port, secret: a.secret })
        await client.reqPq()
        const [first] = client.firstBytes as [Buffer]
        await isFronted(b, first)
        return first
      })
      await isFronted(a, captured)
      await a.stop('SIGKILL')
      await a.start()
      await answered([a], () => isFronted(a, captured))
    }
    await until(
      async () => (await b.metric('mtscope_replay_claims_total', { outcome: 'seen' })) >= 3,
      'each replay is counted',
    )
    await using fresh = await connectClient({ mode: 'tls', port: b.port, secret: a.secret })
    await fresh.reqPq()
  })
}

it('without Redis a handshake captured before a restart is refused after it', async () => {
  await using site = await echoSite()
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ site, datacenters: { 2: dc } })
  const captured: Buffer[] = []
  for (const mode of ['secure', 'tls'] as const) {
    await using client = await connectClient({ mode, port: proxy.port, secret: proxy.secret })
    await client.reqPq()
    captured.push(client.firstBytes[0]!)
  }
  await proxy.stop()
  await proxy.start()
  for (const bytes of captured) await isFronted(proxy, bytes)
})

it('a Redis that does not answer or is gone delays no client, and is counted', async () => {
  await using site = await echoSite()
  await using dc = await fakeDatacenter()
  await using redis = await startRedis()
  const env = { REDIS_URL: redis.url, ALERT_WINDOWS: '0.05' }
  await using proxy = await startAppliance({ site, datacenters: { 2: dc }, env })
  const call = async (mode: 'secure' | 'tls'): Promise<number> => {
    const since = performance.now()
    await using client = await connectClient({ mode, port: proxy.port, secret: proxy.secret })
    await client.reqPq()
    return performance.now() - since
  }
  await call('tls')
  redis.freeze()
  const times: number[] = []
  for (let i = 0; i < 10; i++) for (const mode of ['secure', 'tls'] as const) times.push(await call(mode))
  // Half of them: a single client may wait for a core.
  assert.ok(times.toSorted((a, b) => a - b)[10]! < 1_000, `${times} ms`)
  await until(
    async () => (await proxy.metric('mtscope_replays_unclaimed_total', { action: 'local' })) >= 20,
    'each handshake without an answer is counted',
  )
  redis.thaw()
  await redis.kill()
  for (let i = 0; i < 20; i++) await call('secure')
  await until(
    async () => (await proxy.status()).alerts.some(({ rule }) => rule === 'replay-unclaimed'),
    'the alert is raised',
  )
  await redis.start()
  await until(async () => {
    await call('secure')
    return (await proxy.metric('mtscope_replay_claims_total', { outcome: 'new' })) > 1
  }, 'Redis is used again')
})

it('REPLAY_ON_REDIS_LOSS=refuse fronts every handshake that cannot be claimed', async () => {
  await using site = await echoSite()
  await using dc = await fakeDatacenter()
  const env = { REDIS_URL: 'redis://127.0.0.1:1', REPLAY_ON_REDIS_LOSS: 'refuse' }
  await using proxy = await startAppliance({ site, datacenters: { 2: dc }, env })
  const refused = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
    .then((client) => client.reqPq())
    .catch((error: unknown) => error)
  assert.instance(refused, Error)
  await until(
    async () => (await proxy.metric('mtscope_handshakes_rejected_total', { reason: 'unclaimed' })) === 1,
    'the refusal is counted',
  )
})

test.run()
