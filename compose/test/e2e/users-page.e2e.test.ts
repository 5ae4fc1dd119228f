import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type axe from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import decodeQr from 'qr/decode.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { faintTexts } from '../kit/page/contrast.ts'
import { openPage } from '../kit/page/stage.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { ensureChromium } from '../services/chromium.ts'

const there = (await ensureChromium()) !== null
if (!there) process.stdout.write('skipped: users on the page (there is no Chromium)\n')
const inBrowser = there ? test : test.skip

declare const window: { axe: typeof axe }

const tokenOf = ({ folder }: Appliance): string => readFileSync(join(folder, 'data/api-token'), 'utf8').trim()

/** An appliance with a user of the settings and a managed one, and its page. */
const world = async (options: BrowserContextOptions = {}) => {
  await using stack = new AsyncDisposableStack()
  const appliance = stack.use(await startAppliance({ env: { USER1_NAME: 'fixed' } }))
  const opened = stack.use(await openPage(`${appliance.metricsUrl}/`, options))
  const { page, complaints } = opened
  const token = tokenOf(appliance)
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    return fetch(`${appliance.metricsUrl}/api/v1${path}`, init)
  }
  const signIn = async (text = token): Promise<void> => {
    await page.getByLabel('API token').fill(text)
    await page.getByRole('button', { name: 'Manage users' }).click()
  }
  const kept = stack.move()
  const row = (name: string) => page.locator('#users tbody tr', { hasText: name })
  return { page, complaints, token, call, signIn, row, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Faults of accessibility by axe: rule and the elements. */
const faultsOf = async (page: Page): Promise<string[]> => {
  await page.evaluate(readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8'))
  const { violations } = await page.evaluate(() => window.axe.run())
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

inBrowser('without the token the page shows traffic only; a wrong one is refused', async () => {
  await using at = await world()
  const { page } = at
  await page.getByLabel('API token').waitFor()
  assert.is(await page.getByRole('button', { name: 'Add user' }).count(), 0)
  await at.signIn('x'.repeat(40))
  await page.getByRole('alert').filter({ hasText: 'not a valid token' }).waitFor()
  assert.is(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage })), '{}')
})

inBrowser(
  'a user is added with limits, gets links and a QR code that a camera reads, and is removed',
  async () => {
    await using at = await world()
    const { page, row } = at
    await at.signIn()
    await row('fixed').waitFor()
    await page.getByRole('button', { name: 'Add user' }).click()
    await page.getByLabel('Name').fill('Léa <b>')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('dialog').getByRole('alert').filter({ hasText: 'name ' }).waitFor()
    await page.getByLabel('Name').fill('Léa')
    await page.getByText('Limits', { exact: true }).last().click()
    await page.getByLabel('Bytes a month').fill('50X')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page
      .getByRole('dialog')
      .getByRole('alert')
      .filter({ hasText: 'quotaMonth must be bytes' })
      .waitFor()
    await page.getByLabel('Bytes a month').fill('50G')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'Links of Léa' }).waitFor()
    const web = await page.locator('.links code').first().innerText()
    await page.getByRole('button', { name: /^QR code, classic/ }).click()
    const image = page.getByRole('img', { name: /^QR code of the link of Léa/ })
    await image.waitFor()
    const link = await page.getByRole('link', { name: 'Open in Telegram' }).first().getAttribute('href')
    assert.is(await readQr(page), link)
    assert.is(link?.replace('tg://proxy', 'https://t.me/proxy'), web)
    await page.keyboard.press('Escape')
    assert.match((await row('Léa').innerText()).replaceAll('\u00a0', ' '), '53.7 GB a month, 0 % used')
    await page.getByRole('button', { name: 'Remove Léa' }).click()
    await page.getByRole('button', { name: 'Remove', exact: true }).click()
    await row('Léa').waitFor({ state: 'detached' })
    assert.is((await at.call('GET', '/users/L%C3%A9a')).status, 404)
    assert.is(await row('fixed').getByRole('button').count(), 1)
    assert.equal(
      at.complaints.filter((text) => !text.includes('400 (Bad Request)')),
      [],
    )
  },
)

/** The text of the QR code in the dialog, from its pixels. */
const readQr = async (page: Page): Promise<string> => {
  const { data, width, height } = await page.evaluate(async () => {
    const svg = document.querySelector('.qr')?.cloneNode(true)
    if (!(svg instanceof SVGElement)) throw new Error('there is no QR code')
    const side = 600
    const canvas = document.createElement('canvas')
    Object.assign(canvas, { width: side, height: side })
    const paper = canvas.getContext('2d')
    if (!paper) throw new Error('no canvas')
    paper.fillStyle = 'white'
    paper.fillRect(0, 0, side, side)
    const [, , size = 1] = (svg.getAttribute('viewBox') ?? '').split(' ').map(Number)
    paper.scale(side / size, side / size)
    paper.fillStyle = 'black'
    for (const path of svg.querySelectorAll('path')) paper.fill(new Path2D(path.getAttribute('d') ?? ''))
    return { data: [...paper.getImageData(0, 0, side, side).data], width: side, height: side }
  })
  return decodeQr({ data: Uint8ClampedArray.from(data), width, height })
}

inBrowser(
  'limits are changed, and a user is disabled, enabled and rotated, with the keyboard alone',
  async () => {
    await using at = await world()
    const { page, row } = at
    await at.call('POST', '/users', { name: 'ann', limits: { maxConnections: 4, quotaDay: '1M' } })
    await at.signIn()
    await row('ann').waitFor()
    const press = async (name: string | RegExp): Promise<void> => {
      await page.getByRole('button', { name, exact: true }).focus()
      await page.keyboard.press('Enter')
    }
    await press('Limits ann')
    await page.getByRole('textbox', { name: 'Connections' }).fill('9')
    await page.getByLabel('Bytes a day').fill('')
    await page.keyboard.press('Enter')
    await row('ann').filter({ hasText: '9 connections' }).waitFor()
    assert.equal((await (await at.call('GET', '/users/ann')).json()).limits, { maxConnections: 9 })
    assert.is(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Limits ann')
    await press('Disable ann')
    await press('Disable')
    await row('ann').filter({ hasText: 'disabled' }).waitFor()
    await press('Enable ann')
    await page.getByRole('button', { name: 'Disable ann' }).waitFor()
    const linksOf = async (): Promise<string> => (await at.call('GET', '/users/ann/links')).text()
    const before = await linksOf()
    await press('Rotate ann')
    await press('Rotate')
    await page.getByRole('heading', { name: 'Links of ann' }).waitFor()
    assert.is.not(await linksOf(), before)
    assert.equal(at.complaints, [])
  },
)

inBrowser(
  'the token stays in this tab: a reload keeps it, another tab and "Forget token" have none',
  async () => {
    await using at = await world()
    const { page, row } = at
    await at.signIn()
    await row('fixed').getByRole('button', { name: 'Links' }).waitFor()
    await page.reload()
    await row('fixed').getByRole('button', { name: 'Links' }).waitFor()
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other.getByLabel('API token').waitFor()
    await other.close()
    assert.is(await page.evaluate(() => localStorage.length), 0)
    await page.getByRole('button', { name: 'Forget token' }).click()
    await page.getByLabel('API token').waitFor()
    assert.is(await page.evaluate(() => sessionStorage.length), 0)
    assert.is(await row('fixed').getByRole('button').count(), 0)
  },
)

inBrowser('names are found', async () => {
  await using at = await world()
  for (const name of ['ann', 'bob']) await at.call('POST', '/users', { name })
  await at.signIn()
  await at.row('bob').waitFor()
  await at.page.getByLabel('Find').fill('an')
  await at.row('bob').waitFor({ state: 'detached' })
  assert.is(await at.page.locator('#users tbody tr').count(), 1)
})

for (const colorScheme of ['light', 'dark'] as const) {
  inBrowser(
    `axe finds no fault and every text can be read in the ${colorScheme}, dialogs included`,
    async () => {
      await using at = await world({ colorScheme })
      const { page, row } = at
      const check = async (): Promise<void> => {
        assert.equal(await faultsOf(page), [])
        assert.equal(await page.evaluate(faintTexts, 4.5), [])
      }
      await check()
      await at.call('POST', '/users', { name: 'ann', enabled: false, limits: { expiresAt: '2020-01-01' } })
      await at.signIn()
      await row('ann').filter({ hasText: 'expired' }).waitFor()
      await check()
      for (const name of ['Links ann', 'Limits ann', 'Remove ann', 'Add user']) {
        await page.getByRole('button', { name }).click()
        await page.getByRole('dialog').waitFor()
        await check()
        await page.keyboard.press('Escape')
      }
    },
  )
}

inBrowser('on a phone users and dialogs fit the screen', async () => {
  await using at = await world({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true })
  const { page } = at
  await at.call('POST', '/users', { name: 'w'.repeat(32), limits: { quotaDay: '1G', rateUp: '1M' } })
  await at.signIn()
  const name = 'w'.repeat(32)
  await at.row(name).waitFor()
  for (const open of [null, `Links ${name}`, `Limits ${name}`, 'Add user']) {
    if (open !== null) await page.getByRole('button', { name: open }).tap()
    if (open !== null) await page.getByRole('dialog').waitFor()
    const { scroll, client, wide } = await page.evaluate(() => ({
      scroll: document.documentElement.scrollWidth,
      client: document.documentElement.clientWidth,
      wide: document.querySelector('dialog')?.scrollWidth ?? 0,
    }))
    assert.ok(scroll <= client && wide <= 360, `${open}: ${scroll} px and ${wide} px wide`)
    if (open !== null) await page.getByRole('button', { name: 'Close' }).tap()
  }
})

test.run()
