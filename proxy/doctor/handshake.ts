import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { reasonOf } from './finding.ts'

export type Handshake =
  | {
      readonly ok: true
      readonly protocol: string
      /** Null when the certificate is good for the name. */
      readonly distrust: string | null
      /** Epoch, ms. */
      readonly validUntil: number
      readonly elapsedMs: number
      /** Of the HTTP answer, epoch in ms; null unless asked for and told. */
      readonly date: number | null
    }
  | { readonly ok: false; readonly error: string }

const expiry = ({ valid_to: to }: PeerCertificate): number => Date.parse(to ?? '')

/** One TLS handshake as a browser would do it, and if asked one request for the time. Never rejects. */
export const shakeHands = (options: {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly askDate?: boolean
  /** The only groups offered; what Node offers when left out. */
  readonly groups?: string
}): Promise<Handshake> => {
  const { host, port, name, timeoutMs, signal, askDate, groups } = options
  const { promise, resolve } = Promise.withResolvers<Handshake>()
  const startedAt = performance.now()
  const socket = connect({
    host,
    port,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    // What is wrong with the certificate is told, not thrown.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...(groups === undefined ? {} : { ecdhCurve: groups }),
  })
  const settle = (outcome: Handshake): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    socket.destroy()
    resolve(outcome)
  }
  const stop = (): void => settle({ ok: false, error: 'no answer in time' })
  const timer = setTimeout(stop, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  socket.on('error', (error) => settle({ ok: false, error: reasonOf(error) }))
  socket.on('secureConnect', () => {
    const shaken = {
      ok: true,
      protocol: socket.getProtocol() ?? 'unknown',
      distrust: socket.authorized ? null : String(socket.authorizationError),
      validUntil: expiry(socket.getPeerCertificate()),
      elapsedMs: performance.now() - startedAt,
      date: null,
    } as const
    if (!askDate) return settle(shaken)
    let head = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      head += text
      const date = /\r\ndate: ([^\r]+)\r\n/i.exec(head)?.[1]
      if (date !== undefined) settle({ ...shaken, date: Date.parse(date) || null })
      else if (head.length > 16_384 || head.includes('\r\n\r\n')) settle(shaken)
    })
    socket.on('end', () => settle(shaken))
    socket.write(`HEAD / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
  })
  return promise
}
