import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { faintTexts } from '../kit/page/contrast.ts'
import { emptyStatus, sampleStatus, troubledStatus } from '../kit/page/sample-status.ts'
import { openStage } from '../kit/page/stage.ts'
import { ensureChromium } from '../services/chromium.ts'

const there = (await ensureChromium()) !== null
if (!there) process.stdout.write('skipped: the page in a browser (there is no Chromium)\n')
const inBrowser = there ? test : test.skip

const text = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).innerText()).replaceAll('\u00a0', ' ')

inBrowser('the page shows verdict and figures, and logs no error', async () => {
  await using stage = await openStage(sampleStatus(Date.now()))
  assert.is(
    await text(stage.page, '#verdict p'),
    'No faults. 1,284 connections open, all 5 datacenters answer.',
  )
  const numbers = await text(stage.page, '#numbers')
  for (const figure of ['1,284', '1.24 TB', '27.7 TB', '5.6 ms', '17 %', '182 MB'])
    assert.match(numbers, figure)
  // 10 datacenters and 2 upstreams; 5 reasons and a listener.
  const rows = { latency: 5, datacenters: 12, closes: 8, rejections: 6, users: 4, nodes: 4 }
  for (const [id, count] of Object.entries(rows)) {
    assert.is(await stage.page.locator(`#${id} tbody tr`).count(), count, id)
  }
  assert.equal(stage.complaints, [])
})

inBrowser('figures change without a reload', async () => {
  const status = sampleStatus(Date.now())
  await using stage = await openStage(status)
  const kept = await stage.page.locator('#users tbody tr').first().elementHandle()
  stage.report({ ...status, open: { ...status.open, total: 77_007 } })
  await stage.page.locator('#numbers', { hasText: '77,007' }).waitFor()
  assert.ok(await kept?.evaluate((row) => row.isConnected))
  assert.equal(stage.complaints, [])
})

inBrowser('the page of a stopped appliance shows since when, and recovers without a reload', async () => {
  await using stage = await openStage(sampleStatus(Date.now()))
  await stage.stop()
  await stage.page.locator('#verdict[data-level=gone]').waitFor()
  assert.match(
    await text(stage.page, '#verdict'),
    /No answer since \d\d:\d\d:\d\d, trying again\..*values below are of that time/,
  )
  assert.match(await stage.page.title(), 'No answer since')
  assert.match(await text(stage.page, '#numbers'), '1,284')
  await stage.start()
  await stage.page.locator('#verdict[data-level=well]').waitFor()
  assert.not.match(await text(stage.page, '#verdict'), 'No answer')
})

inBrowser('problems are shown by words and shapes, not only by colours', async () => {
  await using stage = await openStage(troubledStatus(Date.now()))
  assert.match(await text(stage.page, '#verdict-text'), 'DC 4 over IPv4 has not answered')
  const alerts = await text(stage.page, '#alerts')
  assert.match(
    alerts,
    /critical[\s\S]*now 11 failed tries[\s\S]*now 31.%, usually 1.%[\s\S]*Recently cleared[\s\S]*cleared/,
  )
  const down = stage.page.locator('#datacenters tr', { hasText: 'DC 4' }).first()
  assert.match(await down.innerText(), /down[\s\S]*no answer in time[\s\S]*214 failed dials/)
  assert.is(await stage.page.locator('#closes .mark.drop').count(), 3)
  assert.match(await text(stage.page, '#events'), '1,200 lost')
  assert.equal(stage.complaints, [])
})

inBrowser('the page of a new appliance has texts in place of figures', async () => {
  await using stage = await openStage(emptyStatus(Date.now()))
  assert.match(await text(stage.page, '#users'), 'open one of the links that npm start printed')
  assert.match(await text(stage.page, '#charts'), 'No handshake has been accepted yet.')
  assert.is(await stage.page.locator('table').count(), 0)
  assert.not.match(await text(stage.page, 'main'), /NaN|undefined|Infinity|null/)
  assert.equal(stage.complaints, [])
})

inBrowser('names are inserted as text, not as HTML', async () => {
  const status = sampleStatus(Date.now())
  const evil = `<img src="https://evil.example/x" onerror="document.title='owned'"><script>document.title='owned'</script>`
  const [user] = status.users
  const [node] = status.nodes
  const [alert] = status.alerts
  if (!user || !node || !alert) throw new Error('the sample has each of them')
  await using stage = await openStage({
    ...status,
    users: [{ ...user, user: evil }],
    nodes: [
      { ...node, node: evil, loops: [{ thread: evil, delayP50Ms: 1, delayP99Ms: 2, utilization: 0.1 }] },
    ],
    alerts: [{ ...alert, summary: evil, subject: evil, clearedAt: null }],
  })
  assert.match(await text(stage.page, '#users'), '<img src=')
  assert.match(await text(stage.page, '#nodes'), '<script>')
  assert.is(await stage.page.locator('main img, main script, main iframe').count(), 0)
  assert.not.match(await stage.page.title(), /^owned/)
  assert.equal(stage.complaints, [])
})

for (const colorScheme of ['light', 'dark'] as const) {
  inBrowser(`every text can be read in the ${colorScheme}`, async () => {
    for (const status of [troubledStatus(Date.now()), sampleStatus(Date.now()), emptyStatus(Date.now())]) {
      await using stage = await openStage(status, { colorScheme })
      assert.equal(await stage.page.evaluate(faintTexts, 4.5), [])
    }
  })
}

inBrowser('a chosen theme survives a reload and overrides that of the system', async () => {
  await using stage = await openStage(sampleStatus(Date.now()), { colorScheme: 'dark' })
  const ground = () => stage.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const pixels = () => stage.page.locator('canvas').first().screenshot()
  const [dark, drawnDark] = [await ground(), await pixels()]
  await stage.page.getByRole('button', { name: 'Theme: auto' }).click()
  await stage.page.getByRole('button', { name: 'Theme: light' }).waitFor()
  const light = await ground()
  assert.is.not(light, dark)
  assert.not.ok(drawnDark.equals(await pixels()))
  await stage.page.reload()
  await stage.page.getByRole('button', { name: 'Theme: light' }).waitFor()
  assert.is(await ground(), light)
})

inBrowser('on a phone no element is wider than the page, and wide tables scroll', async () => {
  const long = 'unbreakable'.repeat(14)
  for (const make of [troubledStatus, emptyStatus]) {
    const status = make(Date.now())
    const users = status.users.map((user) => ({ ...user, user: long }))
    const nodes = status.nodes.map((node) => ({ ...node, node: long }))
    const alerts = status.alerts.map((alert) => ({ ...alert, summary: long, subject: long }))
    await using stage = await openStage(
      { ...status, users, nodes, alerts },
      { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
    )
    const { scroll, client } = await stage.page.evaluate(() => ({
      scroll: document.documentElement.scrollWidth,
      client: document.documentElement.clientWidth,
    }))
    assert.is(client, 360)
    assert.ok(scroll <= client, `${scroll} px wide`)
  }
})

inBrowser('every chart draws its lines and has a text alternative', async () => {
  await using stage = await openStage(sampleStatus(Date.now()))
  const colours = await stage.page.evaluate(() =>
    [...document.querySelectorAll('canvas')].map((canvas) => {
      const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
      return new Set(new Uint32Array(new Uint8ClampedArray(data).buffer)).size
    }),
  )
  assert.is(colours.length, 9)
  for (const drawn of colours) assert.ok(drawn > 20, `${drawn} colours`)
  const first = stage.page.getByRole('img', { name: /Open connections\. open: now 1,284, highest 1,\d{3}$/ })
  assert.is(await first.count(), 1)
})

inBrowser('every chart shows the value at the pointer at the same time', async () => {
  await using stage = await openStage(sampleStatus(Date.now()))
  const throughput = () => text(stage.page, 'figure:nth-child(3) figcaption')
  const newest = await throughput()
  await stage.page.locator('#charts .u-over').first().hover()
  await stage.page.locator('#charts-when', { hasText: /^at \d\d:\d\d:\d\d$/ }).waitFor()
  assert.is.not(await throughput(), newest)
  await stage.page.mouse.move(0, 0)
  await stage.page.locator('#charts-when', { hasText: /^$/ }).waitFor({ state: 'attached' })
  assert.is(await throughput(), newest)
})

inBrowser('the page has landmarks, headed tables, and one live region', async () => {
  await using stage = await openStage(sampleStatus(Date.now()))
  const { page } = stage
  for (const role of ['banner', 'main', 'contentinfo'] as const)
    assert.is(await page.getByRole(role).count(), 1, role)
  assert.is(await page.locator('[aria-live]').count(), 1)
  assert.is(await page.getByRole('region', { name: 'Datacenters', exact: true }).count(), 1)
  assert.is(await page.locator('thead th:not([scope=col])').count(), 0)
  assert.is(await page.locator('tbody tr:not(:has(th[scope=row]))').count(), 0)
  await page.keyboard.press('Tab')
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), 'Theme')
  await page.keyboard.press('Tab')
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Latency')
})

inBrowser('a newer appliance brings its newer page', async () => {
  const status = sampleStatus(Date.now())
  await using stage = await openStage(status)
  const reloaded = stage.page.waitForEvent('load')
  stage.report({ ...status, version: '0.2.0' })
  await reloaded
  await stage.page.locator('#about', { hasText: '0.2.0' }).waitFor()
})

test.run()
