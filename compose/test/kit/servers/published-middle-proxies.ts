import { createServer } from 'node:http'
import { listening } from './listening.ts'

export type Published = AsyncDisposable & {
  /** Settings of a proxy that reads the documents here. */
  readonly env: Readonly<Record<string, string>>
  /** The body of each document, or a status; a test may change them. */
  readonly answers: Record<string, string | Buffer | number>
  /** Requests so far, by document. */
  readonly requests: Record<string, number>
}

/** Serves, in place of Telegram, a list of middle proxies by the number of their datacenter, and their secret. */
export const publishedMiddleProxies = async (
  byDc: Readonly<Record<string, { readonly address: string }>>,
  secret: Buffer,
): Promise<Published> => {
  const entries = Object.entries(byDc)
  const list = entries.map(([dc, { address }]) => `proxy_for ${dc} ${address};\n`).join('')
  const answers: Published['answers'] = { config: `default ${entries[0]![0]};\n${list}`, secret }
  const requests: Record<string, number> = { config: 0, secret: 0 }
  const server = createServer((request, response) => {
    const name = (request.url ?? '').slice(1)
    requests[name] = (requests[name] ?? 0) + 1
    const answer = answers[name] ?? 404
    if (typeof answer === 'number') response.writeHead(answer).end()
    else response.end(answer)
  })
  const { port, ...rest } = await listening(server)
  return {
    env: {
      MIDDLE_PROXY_CONFIG_URL: `http://127.0.0.1:${port}/config`,
      MIDDLE_PROXY_CONFIG_V6_URL: 'none',
      MIDDLE_PROXY_SECRET_URL: `http://127.0.0.1:${port}/secret`,
      // The middle proxies see the address of the socket.
      PUBLIC_HOST: '127.0.0.1',
    },
    answers,
    requests,
    ...rest,
  }
}
