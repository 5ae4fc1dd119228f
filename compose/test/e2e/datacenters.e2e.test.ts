import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Status } from '../../../collector/read/status.ts'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

const to = (proxy: Appliance, dc: number, mode: 'secure' | 'tls' = 'secure') =>
  connectClient({ mode, port: proxy.port, secret: proxy.secret, dc })

const close = (status: Status, phase: string, reason: string) =>
  status.closes.find((one) => one.phase === phase && one.reason === reason)

test('a failing address is skipped for the next one of its datacenter', async () => {
  await using live = await fakeDatacenter()
  const dead = { address: `127.0.0.1:${await freePort()}` }
  await using proxy = await startAppliance({ datacenters: { 2: [dead, live] }, env: { PROBE_INTERVAL: '0' } })
  const pass = async (mode: 'secure' | 'tls'): Promise<void> => {
    await using client = await to(proxy, 2, mode)
    await client.reqPq()
  }
  await pass('secure')
  await until(async () => {
    // Every time: a proxy that gets no core for 250 ms dials both addresses, and the working one may answer first.
    await pass('tls')
    return (await proxy.status()).datacenters.some(
      ({ address, dialFailures }) => address === dead.address && dialFailures > 0,
    )
  }, 'the failures of the address are counted')
})

test('media uses the plain addresses of its datacenter when all media addresses fail', async () => {
  await using plain = await fakeDatacenter()
  const dead = { address: `127.0.0.1:${await freePort()}` }
  await using proxy = await startAppliance({ datacenters: { 2: plain, '-2': [dead] } })
  const { port, secret } = proxy
  await using client = await connectClient({ mode: 'secure', port, secret, dc: 2, media: true })
  await client.reqPq()
  assert.is(plain.served.at(-1)?.dc, -2)
})

test('clients of a dead datacenter are closed as drops in phase dial; other datacenters are not affected', async () => {
  await using live = await fakeDatacenter()
  const dead = { address: `127.0.0.1:${await freePort()}` }
  await using proxy = await startAppliance({ datacenters: { 2: live, 3: [dead], '-2': live } })
  await using client = await to(proxy, 3)
  client.reqPq().catch(() => {})
  await client.closed
  await using other = await to(proxy, 2)
  await other.reqPq()
  const status = await until(async () => {
    const now = await proxy.status()
    return close(now, 'dial', 'refused') ? now : undefined
  }, 'the close is counted')
  assert.ok(close(status, 'dial', 'refused')?.drop)
  assert.is(close(status, 'dial', 'refused')?.by, 'datacenter')
})

test('a datacenter that resets and one that stops answering have different close reasons', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { STALL_TIMEOUT: '3' } })
  await using one = await to(proxy, 2)
  await one.reqPq()
  dc.manner.mood = 'reset'
  one.echo(Buffer.from('anyone?')).catch(() => {})
  await one.closed
  dc.manner.mood = 'silent'
  await using other = await to(proxy, 2)
  other.reqPq().catch(() => {})
  await other.closed
  const status = await until(async () => {
    const now = await proxy.status()
    return close(now, 'relaying', 'reset') && close(now, 'waiting', 'stalled') ? now : undefined
  }, 'both closes are counted')
  assert.is(close(status, 'relaying', 'reset')?.by, 'datacenter')
})

test('a reset on one side becomes a reset on the other side', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  const opened = dc.next()
  await using one = await to(proxy, 2)
  await one.reqPq()
  one.reset()
  await (await opened).closed
  await until(async () => {
    const now = await proxy.status()
    return now.closes.some(({ by, reason }) => by === 'client' && reason === 'reset')
  }, 'counted as a reset by the client')
})

test('closed pooled connections are noticed before a client gets one', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 6; i++) {
      await using client = await to(proxy, 2)
      await client.reqPq()
    }
    await dc.goAway()
    await dc.comeBack()
  }
})

test('an alert is raised when a datacenter stops, and cleared when it answers again', async () => {
  await using steady = await fakeDatacenter()
  await using shaky = await fakeDatacenter({ delayMs: 40 })
  await using proxy = await startAppliance({
    datacenters: { 2: steady, 4: shaky, '-4': shaky },
    env: { PROBE_INTERVAL: '1', ALERT_WINDOWS: '0.1' },
  })
  const state = async (dc: number, media = false) =>
    (await proxy.status()).datacenters.find((one) => one.dc === dc && one.media === media)
  const became = (dc: number, wanted: string) =>
    until(async () => (await state(dc))?.state === wanted, `datacenter ${dc} ${wanted}`, 60_000)
  await became(2, 'up')
  await became(4, 'up')
  const seen = await state(4)
  // A timer may be a millisecond or two early, and an answer late because of other load.
  assert.ok(seen?.resPqMs && seen.resPqMs >= 30 && seen.resPqMs < 5_000, `${seen?.resPqMs} ms`)
  await until(async () => (await state(4, true))?.state === 'up', 'media up')
  await shaky.goAway()
  await became(4, 'down')
  const raised = await until(
    async () =>
      (await proxy.status()).alerts.find(
        // Only alerts of the datacenter: those about a busy host may have a 4 in their subject.
        ({ clearedAt, subject }) => clearedAt === null && subject.startsWith('dc 4 '),
      ),
    'the alert is raised',
    60_000,
  )
  assert.is((await state(2))?.state, 'up')
  assert.ok((await proxy.metric('mtscope_alert_active', { rule: raised.rule })) > 0)
  await shaky.comeBack()
  await became(4, 'up')
  await until(
    async () =>
      (await proxy.status()).alerts.every(
        (alert) => alert.rule !== raised.rule || alert.subject !== raised.subject || alert.clearedAt !== null,
      ),
    'the alert is cleared',
    60_000,
  )
})

test.run()
