import { type Browser, chromium } from 'playwright-core'
import { ensureChromium } from '../../services/chromium.ts'

// Without background traffic, so that a request to any other server comes from the page.
const flags =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** The system's Chromium, or the one that CHROMIUM_PATH names. Throws when there is none. */
export const openChromium = async (): Promise<Browser> => {
  const executablePath = await ensureChromium()
  if (executablePath === null)
    throw new Error('No Chromium: install the package chromium, or set CHROMIUM_PATH')
  return chromium.launch({ executablePath, headless: true, args: flags.split(' ') })
}
