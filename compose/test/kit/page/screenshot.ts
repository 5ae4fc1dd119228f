/** `node screenshot.ts <url> <out.png> [--dark] [--phone] [--part]`: a picture of the page, whole or what fits the window. */
import { parseArgs } from 'node:util'
import { openChromium } from './chromium.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dark: { type: 'boolean' }, phone: { type: 'boolean' }, part: { type: 'boolean' } },
})
const [url, path] = positionals
if (!url || !path) {
  console.error('usage: screenshot.ts <url> <out.png> [--dark] [--phone] [--part]')
  process.exit(2)
}

await using browser = await openChromium()
const page = await browser.newPage({
  viewport: values.phone ? { width: 360, height: 780 } : { width: 1280, height: 900 },
  deviceScaleFactor: 2,
  colorScheme: values.dark ? 'dark' : 'light',
  reducedMotion: 'reduce',
})
await page.goto(url)
await page.locator('#verdict:not([data-level=wait])').waitFor()
await page.evaluate('document.fonts.ready.then(() => new Promise(requestAnimationFrame))')
await page.screenshot({ path, fullPage: !values.part })
