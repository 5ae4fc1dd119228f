import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { pageRoutes } from '../../../../collector/page/server/serve.ts'
import type { Status } from '../../../../collector/read/status.ts'
import { openChromium } from './chromium.ts'

/** The status page in a real browser, with a server that returns the status that the test sets. */
export type Stage = AsyncDisposable & {
  page: Page
  url: string
  /** Sets the answer of `/api/status`. */
  report: (status: Status) => void
  /** Closes the server. `start` opens it again on the same port. */
  stop: () => Promise<void>
  start: () => Promise<void>
  /** Console errors, page errors, policy violations, and requests to other servers. */
  complaints: string[]
}

export type Opened = AsyncDisposable & {
  readonly page: Page
  /** Console errors, page errors, policy violations, and requests to other servers. */
  readonly complaints: string[]
}

/** The status page at `url` in a real browser, once it has a status. */
export const openPage = async (url: string, options: BrowserContextOptions = {}): Promise<Opened> => {
  await using stack = new AsyncDisposableStack()
  const browser = await openChromium()
  stack.defer(() => browser.close())
  const page = await (await browser.newContext(options)).newPage()
  const complaints: string[] = []
  // Chromium aborts a load when a network interface of this host appears or goes, as those of containers do.
  let dropped = false
  page.on('console', (message) => {
    if (message.text().includes('net::ERR_NETWORK_CHANGED')) dropped = true
    else if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`requested ${request.url()}`)
  })
  const opened = async (): Promise<void> => {
    await page.goto(url)
    await page.locator('#verdict:not([data-level=wait])').waitFor()
  }
  await opened().catch(async (error: unknown) => {
    if (!dropped && !String(error).includes('net::ERR_NETWORK_CHANGED'))
      throw new Error(`${error}\n${complaints.join('\n')}`)
    await opened()
  })
  const kept = stack.move()
  return { page, complaints, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

export const openStage = async (first: Status, options: BrowserContextOptions = {}): Promise<Stage> => {
  let status = first
  let port = 0
  const routes = pageRoutes()
  const server = createServer(({ url = '/' }, response) => {
    if (url === '/api/status') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status))
      return
    }
    const answer = routes(url)
    response.writeHead(answer?.status ?? 404, answer?.headers).end(answer?.body)
  })
  const start = async (): Promise<void> => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  }
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  await using stack = new AsyncDisposableStack()
  await start()
  stack.defer(stop)
  const url = `http://127.0.0.1:${port}/`
  const { page, complaints } = stack.use(await openPage(url, options))
  const kept = stack.move()
  return {
    page,
    url,
    report: (next) => {
      status = next
    },
    stop,
    start,
    complaints,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
