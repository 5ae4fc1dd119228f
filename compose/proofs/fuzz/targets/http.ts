import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { serving } from '../../../test/kit/http/serving.ts'
import { mutated, piecesOf, type Random, randomOf } from '../random.ts'
import { Finding, promise, type Target } from '../target.ts'

const paths = [
  '/',
  '/metrics',
  '/healthz',
  '/readyz',
  '/api/status',
  '/%00',
  '//x',
  '*',
  'http://a/',
  '/?a=b#c',
]
const headers = [
  'Host: localhost',
  'Host: evil.test',
  'Host: localhost\r\nHost: localhost',
  'Accept-Encoding: gzip',
  'Accept-Encoding: gzip;q=0, *',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 4',
  'Connection: close',
  'Connection: keep-alive, upgrade\r\nUpgrade: websocket',
  'Expect: 100-continue',
  `X: ${'a'.repeat(9_000)}`,
  ` folded: ${'b'.repeat(20)}`,
  'no colon',
  ...Array.from({ length: 3 }, (_, i) => `X-${i}: ${'c'.repeat(50)}`),
]

const request = (random: Random): Buffer => {
  const method = random.one([
    'GET',
    'GET',
    'GET',
    'HEAD',
    'POST',
    'OPTIONS',
    'CONNECT',
    'get',
    'G\0T',
    'M-SEARCH',
  ])
  const version = random.one(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.'])
  const lines = Array.from({ length: random.below(5) }, () => random.one(headers))
  if (random.oneIn(50)) lines.push(...Array.from({ length: 120 }, (_, i) => `h${i}: 1`))
  const head = `${method} ${random.one(paths)} ${version}\r\n${['Host: localhost', ...lines].join('\r\n')}\r\n\r\n`
  return Buffer.from(head + (random.oneIn(5) ? 'hello' : ''), 'latin1')
}

const statuses = new Set([200, 400, 404, 405, 408, 413, 417, 421, 431, 503])
const secretInAnError = 'ENOENT-of-a-secret-path'

/** Sends pieces one after another, then FIN, and resolves with everything that came until the close. */
const exchange = async (port: number, pieces: readonly Buffer[]): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
  const parts: Buffer[] = []
  socket.on('data', (bytes: Buffer) => parts.push(bytes))
  const closed = new Promise((resolve) => socket.on('close', resolve))
  for (const piece of pieces) {
    socket.write(piece)
    if (pieces.length > 1) await setImmediate()
  }
  socket.end()
  await closed
  return Buffer.concat(parts).toString('latin1')
}

/** Input: a byte that seeds the pieces, and what a client sends before its FIN. */
export const http: Target = {
  name: 'http',
  share: 30_000,
  together: 8,
  open: async () => {
    const json = {
      '/api/status': () => ({ up: true }),
      '/api/fails': () => {
        throw new Error(secretInAnError)
      },
    }
    const server = await serving({ json, page: () => null }, '127.0.0.1', { workMs: 1_000_000 })
    return {
      make: (random) => {
        const bytes = Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => request(random)))
        return Buffer.concat([random.bytes(1), random.oneIn(2) ? mutated(bytes, random) : bytes])
      },
      run: async (input) => {
        const pieces = piecesOf(input.subarray(1), randomOf(input[0] ?? 0), 4)
        const answer = await exchange(server.port, pieces)
        if (answer === '') return 'no answer'
        const found = [...answer.matchAll(/(?:^|\r\n|[^\n])HTTP\/1\.1 (\d{3}) /g)].map(([, code]) =>
          Number(code),
        )
        promise(answer.startsWith('HTTP/1.1 '), 'an answer without a status line')
        promise(!answer.includes(secretInAnError), 'the message of an error in an answer')
        const strange = found.find((code) => !statuses.has(code))
        if (strange !== undefined) throw new Finding('wrong', `status ${strange}`)
        return found.join(' ')
      },
      close: server.close,
    }
  },
}
