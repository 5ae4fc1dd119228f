import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { fakeMiddleProxy } from '../kit/servers/fake-middle-proxy.ts'
import { publishedMiddleProxies } from '../kit/servers/published-middle-proxies.ts'
import { until } from '../until.ts'

const rule = 'middle-proxies-away'

const ask = async (proxy: Appliance, dc: number): Promise<void> => {
  await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret, dc })
  await client.reqPq()
}

test('middle proxies of the published list carry clients; when they go, clients go directly, and an alert is raised', async () => {
  await using middle = await fakeMiddleProxy()
  await using shaky = await fakeMiddleProxy({ secret: middle.secret })
  await using published = await publishedMiddleProxies({ 2: middle, 4: shaky }, middle.secret)
  await using two = await fakeDatacenter()
  await using four = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: two, 4: four },
    env: {
      ...published.env,
      USE_MIDDLE_PROXY: 'true',
      PROBE_INTERVAL: '1',
      ALERT_WINDOWS: '0.1',
      MAX_CONNS_IN_POOL: '0',
    },
  })
  const stateOf = async (dc: number) =>
    (await proxy.status()).middleProxies.find((one) => one.dc === dc && one.family === 'ipv4')
  const became = (dc: number, state: string) =>
    until(async () => (await stateOf(dc))?.state === state, `middle proxies of ${dc} ${state}`, 60_000)
  await became(2, 'up')
  await became(4, 'up')
  const served = four.served.length
  await ask(proxy, 4)
  assert.is(four.served.length, served)
  await until(async () => ((await stateOf(4))?.through ?? 0) > 0, 'the client is counted as through')
  const { middleProxyDocuments } = await proxy.status()
  assert.equal(
    middleProxyDocuments.map(({ document, entries, error }) => [document, entries, error]),
    [
      ['config', 2, null],
      ['secret', 1, null],
    ],
  )

  await shaky.goAway()
  await became(4, 'down')
  await until(async () => {
    await ask(proxy, 4)
    return four.served.length > served && ((await stateOf(4))?.around ?? 0) > 0
  }, 'clients go around')
  const raised = async () =>
    (await proxy.status()).alerts.find((alert) => alert.rule === rule && alert.clearedAt === null)
  assert.is((await until(raised, 'the alert is raised', 60_000)).subject, 'dc 4')
  assert.is((await stateOf(2))?.state, 'up')
  assert.ok((await proxy.metric('mtscope_middle_proxy_fallbacks_total', { dc: '4' })) > 0)

  await shaky.comeBack()
  await became(4, 'up')
  await until(async () => (await raised()) === undefined, 'the alert is cleared', 60_000)
})

test('a proxy that starts while nothing is published uses what the last run has kept', async () => {
  await using middle = await fakeMiddleProxy()
  await using published = await publishedMiddleProxies({ 2: middle }, middle.secret)
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { ...published.env, USE_MIDDLE_PROXY: 'true', MIDDLE_PROXY_FALLBACK: 'refuse' },
  })
  await ask(proxy, 2)
  published.answers.config = 503
  published.answers.secret = '<html><body>This page is not available in your region</body></html>'
  await proxy.stop()
  await proxy.start()
  await ask(proxy, 2)
  const documents = await until(async () => {
    const { middleProxyDocuments } = await proxy.status()
    return middleProxyDocuments.every(({ error }) => error !== null) ? middleProxyDocuments : undefined
  }, 'both downloads failed')
  assert.equal(
    documents.map(({ document, entries, error }) => [document, entries, error]),
    [
      ['config', 1, 'status'],
      ['secret', 1, 'implausible'],
    ],
  )
})

test('a datacenter that the built-in table lacks is looked up in the published list', async () => {
  await using middle = await fakeMiddleProxy()
  await using published = await publishedMiddleProxies({ 77: middle }, middle.secret)
  await using proxy = await startAppliance({
    // No client asks for a datacenter of this table, and nothing is dialed ahead of need.
    env: { ...published.env, TELEGRAM_DATACENTERS: 'telegram' },
  })
  assert.equal(published.requests, { config: 0, secret: 0 })
  await until(
    () =>
      ask(proxy, 77).then(
        () => true,
        () => false,
      ),
    'a client of datacenter 77 is served',
  )
  assert.equal(published.requests, { config: 1, secret: 1 })
  assert.ok(proxy.lines.some((line) => line.includes('unknown-datacenter')))
  const refused = async () => (await proxy.status()).rejections.find(({ reason }) => reason === 'unknown-dc')
  assert.ok((await until(refused, 'the first client is counted as refused')).total > 0)
})

test.run()
