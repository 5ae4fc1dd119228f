import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { observe } from '../kit/client/probe.ts'
import { openChromium } from '../kit/page/chromium.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'

test('the page shows a client, an unauthenticated client, a stopped datacenter and the end of the appliance without a reload', async () => {
  // The browser starts first: it takes the whole machine, and after a minute of that the page would report a busy host.
  await using browser = await openChromium()
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { PROBE_INTERVAL: '1', ALERT_WINDOWS: '0.05', USER1_NAME: 'grandma' },
  })
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // Chromium logs the second when a network interface of this host appears or goes, as those of containers do.
    if (message.type() === 'error' && !/ERR_CONNECTION_REFUSED|ERR_NETWORK_CHANGED/.test(message.text()))
      complaints.push(message.text())
  })
  const shows = (section: string, text: string) =>
    page.locator(`#${section}`).filter({ hasText: text }).waitFor({ timeout: 60_000 })

  await page.goto(proxy.metricsUrl)
  const isWell = () => page.locator('#verdict[data-level=well]').waitFor({ timeout: 60_000 })
  await isWell().catch(async () => {
    await page.reload()
    await isWell()
  })

  await using client = await connectClient({ port: proxy.port, secret: proxy.secret, mode: 'tls' })
  await client.reqPq()
  await observe(proxy.port, [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'fin'])
  await shows('users', 'grandma')
  await shows('rejections', 'not-mtproto')
  await shows('datacenters', 'up')

  await dc.goAway()
  await shows('datacenters', 'down')
  await shows('alerts', 'has not answered')
  await page.locator('#verdict[data-level=wrong]').waitFor({ timeout: 60_000 })
  assert.equal(complaints, [])

  assert.is(await proxy.stop(), 0)
  await page.locator('#verdict[data-level=gone]').waitFor({ timeout: 60_000 })
})

test.run()
