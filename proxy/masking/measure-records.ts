import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { RecordSizes } from '../wire/records.ts'
import { connectSite, type SiteAddress } from './connect-site.ts'
import { restarts, sizesOf } from './record-sizes.ts'

/** Enough to see the records in bulk; the rest of a larger page is not read. */
const MOST_BYTES = 524_288
/** An answer has ended when nothing came for so long. */
const SILENCE_MS = 500
/** The pause before the second request, and the one after which a site is taken to begin a burst. */
const PAUSE_MS = 1_200
const RESTART_MS = 1_000

type Target = SiteAddress & { readonly name: string; readonly signal: AbortSignal }

const connected = async ({ signal, name, ...site }: Target): Promise<TLSSocket | null> => {
  const plain = connectSite(site)
  const socket = connect({
    socket: plain,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
  })
  const { promise, resolve } = Promise.withResolvers<TLSSocket | null>()
  const stop = (): void => {
    plain.destroy()
    socket.destroy()
    resolve(null)
  }
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  for (const end of [plain, socket]) end.on('error', stop)
  socket.on('close', () => {
    signal.removeEventListener('abort', stop)
    stop()
  })
  socket.once('secureConnect', () => resolve(socket))
  return promise
}

/** The payloads of the answer to one request: a chunk of Node's is what one record held. */
const payloadsOf = async (socket: TLSSocket, name: string): Promise<readonly number[]> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const payloads: number[] = []
  let bytes = 0
  let silence: NodeJS.Timeout | undefined
  const take = (chunk: Buffer): void => {
    clearTimeout(silence)
    payloads.push(chunk.length)
    bytes += chunk.length
    if (bytes >= MOST_BYTES) socket.destroy()
    else silence = setTimeout(resolve, SILENCE_MS)
  }
  socket.on('data', take).once('close', resolve)
  const lines = [
    'GET / HTTP/1.1',
    `Host: ${name}`,
    'User-Agent: Mozilla/5.0',
    'Accept: */*',
    'Accept-Encoding: identity',
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await promise
  clearTimeout(silence)
  socket.off('data', take)
  return payloads
}

/** Asks again on the same connection after a pause; a site that closes it is taken to begin with small records again. */
const restartOf = async (socket: TLSSocket, target: Target, first: number): Promise<number | null> => {
  await pause(PAUSE_MS, undefined, { ref: false })
  if (socket.destroyed) return RESTART_MS
  const payloads = await payloadsOf(socket, target.name)
  return payloads.length > 0 && !restarts(payloads, first) ? null : RESTART_MS
}

/**
 * Downloads the first page of a site by TLS 1.3 and returns which records it makes. Null: the site does not answer by
 * TLS 1.3, or its page is too short.
 */
export const measureRecords = async (target: Target): Promise<RecordSizes | null> => {
  const socket = await connected(target)
  if (socket === null) return null
  try {
    const sizes = sizesOf(await payloadsOf(socket, target.name))
    if (sizes === null) return null
    return { sizes, restartMs: sizes.length === 1 ? null : await restartOf(socket, target, sizes[0]!) }
  } finally {
    socket.destroy()
  }
}
