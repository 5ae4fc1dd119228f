import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectRedis } from '../../../proxy/redis/connect.ts'
import { settableClock } from '../../proofs/faults/clock.ts'
import { startFleet } from '../kit/processes/fleet.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

// Appliances whose clock is wrong for a while: their figures and alerts afterwards.

const hour = 3_600
const day = 24 * hour
const env = { PROBE_INTERVAL: '1', ALERT_WINDOWS: '0.1', WORKERS: '1' }

const isUp = async (host: Appliance, rule: string, subject: string): Promise<boolean> =>
  (await host.status()).alerts.some(
    (alert) => alert.rule === rule && alert.subject === subject && alert.clearedAt === null,
  )

/** Waits until the latest event of a node is dated about so many seconds ahead. */
const dated = (host: Appliance, node: string, seconds: number): Promise<unknown> =>
  until(
    async () => {
      const found = (await host.status()).nodes.find((one) => one.node === node)
      return found && Math.abs(found.lastSeenAt - Date.now() - seconds * 1000) < 30_000
    },
    `${node} is dated ${seconds} s ahead`,
    60_000,
  )

for (const [name, seconds, restarts] of [
  ['3.5 hours ahead', 3.5 * hour, false],
  ['400 days ahead, and restarted', 400 * day, true],
  ['two hours behind', -2 * hour, false],
  ['in 1970, and restarted', -Math.floor(Date.now() / 1000) + 60, true],
] as const) {
  test(`an appliance whose clock was ${name} reports a datacenter down, and its figures are current`, async () => {
    await using dc = await fakeDatacenter()
    await using other = await fakeDatacenter()
    using clock = settableClock()
    await using host = await startAppliance({
      datacenters: { 2: other, 4: dc },
      env: { ...env, ...clock.env, NODE_NAME: 'n1' },
    })
    const isAt = (state: string) => async () =>
      (await host.status()).datacenters.some((one) => one.dc === 4 && one.state === state)
    await until(isAt('up'), 'it answers')
    const before = dc.accepted()
    clock.set(seconds)
    await until(() => dc.accepted() > before + 3, 'probes continue')
    if (restarts) await host.stop()
    clock.set(0)
    if (restarts) await host.start()
    await dated(host, 'n1', 0)
    await until(isAt('up'), 'the datacenter answers')
    await dc.goAway()
    await until(() => isUp(host, 'datacenter-down', 'dc 4 ipv4'), 'the alert', 60_000)
    assert.is(await host.metric('mtscope_datacenter_up', { dc: '4' }), 0)
    assert.not(await isUp(host, 'node-silent', 'n1'))
    const sampledAt = async (): Promise<number> => (await host.status()).nodes[0]?.lastSeenAt ?? 0
    const at = await sampledAt()
    await until(async () => (await sampledAt()) > at, 'a later event')
    assert.ok(!host.lines.some((line) => line.includes('node-silent')), host.lines.join('\n'))
  })
}

test('a clock that is set, or a process that was stopped, raises no alert about the appliance itself', async () => {
  using clock = settableClock()
  // Without probes it emits an event only every ten seconds.
  await using host = await startAppliance({ env: { WORKERS: '1', ...clock.env, NODE_NAME: 'n1' } })
  await dated(host, 'n1', 0)
  for (const [seconds, stands] of [
    [600, false],
    [3 * hour, true],
    [-2 * hour, false],
    [400 * day, true],
    [0, false],
  ] as const) {
    if (stands) host.signal('SIGSTOP')
    clock.set(seconds)
    if (stands) host.signal('SIGCONT')
    await dated(host, 'n1', seconds)
  }
  const raised = host.lines.filter((line) => line.includes('alert.raised'))
  assert.equal(raised, [])
})

/** Longest time to live of each kind of key, seconds. */
const kept = (key: string): number =>
  /:month:/.test(key) ? 832 * day : /:day:/.test(key) ? 37 * day : /:tick:/.test(key) ? 2 * hour : 49 * hour

test('a proxy whose clock was 400 days ahead leaves no key that outlives its window, and hides no datacenter', async () => {
  using clock = settableClock()
  await using fleet = await startFleet({
    proxies: 2,
    collectors: 1,
    datacenters: [2, 4],
    env,
    envOf: (node): Readonly<Record<string, string>> => (node === 'proxy-2' ? clock.env : {}),
  })
  const [collector] = fleet.collectors
  const [, wrong] = fleet.proxies
  const dc = fleet.datacenters.get(4)!
  await until(async () => (await collector!.status()).nodes.length === 2, 'both nodes are seen')
  // While its clock is behind, its events are dated by the broker's clock.
  clock.set(-2 * hour)
  const since = Date.now() + 3_000
  await until(async () => {
    const found = (await collector!.status()).nodes.find((one) => one.node === 'proxy-2')
    return found !== undefined && found.lastSeenAt > since
  }, 'its events have the right time')
  clock.set(400 * day)
  const before = dc.accepted()
  await until(() => dc.accepted() > before + 10, 'probes continue')
  await wrong!.stop()
  clock.set(0)
  await wrong!.start()
  await dated(collector!, 'proxy-2', 0)
  await dc.goAway()
  await until(() => isUp(collector!, 'datacenter-down', 'dc 4 ipv4'), 'the alert', 60_000)
  assert.not(await isUp(collector!, 'node-silent', 'proxy-2'))
  const redis = connectRedis({ urls: [fleet.redis.url], prefix: 'mtscope' }, 'test', () => {})
  await until(() => redis.status === 'ready', 'Redis')
  for (const key of await redis.keys('*')) {
    assert.ok((await redis.ttl(key)) <= kept(key), `${key} lives for ${await redis.ttl(key)} s`)
    if (!/:(?:recent|lasting)$/.test(key)) continue
    for (const text of Object.values(await redis.hgetall(key)))
      assert.ok(
        Number(text.slice(0, text.indexOf('|'))) < Date.now() + 60_000,
        `${key}: ${text.slice(0, 80)}`,
      )
  }
  redis.disconnect()
})

test.run()
