import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { connectSite, type SiteAddress } from './connect-site.ts'

export type Handshake =
  | {
      readonly ok: true
      readonly protocol: string
      /** Why the certificate is not valid for the name; null when it is valid. */
      readonly distrust: string | null
      /** Epoch, ms. */
      readonly validUntil: number
      readonly elapsedMs: number
      /** `Date` of the HTTP answer, epoch in ms; null without `askHead` or without the header. */
      readonly date: number | null
      /** The shared CDN that answered, by its own header; null without `askHead` or without such a header. */
      readonly cdn: string | null
    }
  | { readonly ok: false; readonly error: string }

/** Headers that only the CDN itself adds. */
const signs: Readonly<Record<string, RegExp>> = {
  Cloudflare: /^cf-ray:/im,
  CloudFront: /^x-amz-cf-id:/im,
  Fastly: /^x-served-by: *cache-/im,
  Akamai: /^(?:akamai-grn:|server: *AkamaiGHost)/im,
  'Azure Front Door': /^x-azure-ref:/im,
}
const cdnOf = (head: string): string | null =>
  Object.entries(signs).find(([, sign]) => sign.test(head))?.[0] ?? null

const expiry = ({ valid_to: to }: PeerCertificate): number => Date.parse(to ?? '')

/**
 * Makes one TLS handshake as a browser would. With `askHead` it then sends one HEAD request and reads the headers of the
 * answer. Never rejects.
 */
export const shakeHands = (
  options: SiteAddress & {
    readonly name: string
    readonly timeoutMs: number
    readonly signal: AbortSignal
    readonly askHead?: boolean
    /** The only groups to offer; Node's own list when left out. */
    readonly groups?: string
  },
): Promise<Handshake> => {
  const { name, timeoutMs, signal, askHead, groups } = options
  const { promise, resolve } = Promise.withResolvers<Handshake>()
  const startedAt = performance.now()
  const plain = connectSite(options)
  const socket = connect({
    socket: plain,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    // A wrong certificate is a value of the result, not an error.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...(groups === undefined ? {} : { ecdhCurve: groups }),
  })
  const settle = (outcome: Handshake): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    socket.destroy()
    plain.destroy()
    resolve(outcome)
  }
  const stop = (): void => settle({ ok: false, error: 'no answer in time' })
  const timer = setTimeout(stop, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  for (const end of [plain, socket]) {
    end.on('error', (error: NodeJS.ErrnoException) =>
      settle({ ok: false, error: error.code ?? error.message }),
    )
  }
  socket.on('secureConnect', () => {
    const shaken = {
      ok: true,
      protocol: socket.getProtocol() ?? 'unknown',
      distrust: socket.authorized ? null : String(socket.authorizationError),
      validUntil: expiry(socket.getPeerCertificate()),
      elapsedMs: performance.now() - startedAt,
      date: null,
      cdn: null,
    } as const
    if (!askHead) return settle(shaken)
    let head = ''
    const finish = (): void => {
      const date = /^date: ([^\r]+)/im.exec(head)?.[1]
      settle({ ...shaken, date: Date.parse(date ?? '') || null, cdn: cdnOf(head) })
    }
    socket.setEncoding('latin1').on('data', (text: string) => {
      head += text
      if (head.length > 16_384 || head.includes('\r\n\r\n')) finish()
    })
    socket.on('end', finish)
    socket.write(`HEAD / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
  })
  return promise
}
