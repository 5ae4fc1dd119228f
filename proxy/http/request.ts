import type { IncomingMessage } from 'node:http'

export type Request = {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** Undefined in HTTP/1.0 only. */
  readonly host: string | undefined
  /** The client accepts gzip. */
  readonly gzip: boolean
  /** Headers of the same names; browsers send `Sec-Fetch-Site` and, with a body, `Origin`. */
  readonly authorization: string | undefined
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly contentType: string | undefined
}

const gzipWanted = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i

/** A connection cannot go on after a request with a body that nothing reads. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** Null when it must get a 400: node:http lets other versions and repeated Host headers pass. */
export const readRequest = (message: IncomingMessage): Request | null => {
  const { method = '', url = '', headers, headersDistinct, httpVersionMajor } = message
  if (httpVersionMajor !== 1 || (headersDistinct.host?.length ?? 0) > 1) return null
  return {
    method,
    path: url.split('?', 1)[0] ?? '',
    query: url.split('?').slice(1).join('?'),
    host: headers.host,
    gzip: gzipWanted.test(String(headers['accept-encoding'] ?? '')),
    authorization: headers.authorization,
    origin: headers.origin,
    site: String(headers['sec-fetch-site'] ?? '') || undefined,
    contentType: headers['content-type'],
  }
}

/** The bytes of a body, or the status that refuses it: 411 without a length, 413 beyond the limit, 400 when it was cut. */
export type Body = { readonly bytes: Buffer } | { readonly refused: 400 | 411 | 413 }

/** Reads a body of up to `mostBytes`. `admit` lets that many bytes pass the gate. */
export const readBody = async (
  message: IncomingMessage,
  mostBytes: number,
  admit: (length: number) => void,
): Promise<Body> => {
  if (message.headers['transfer-encoding'] !== undefined) return { refused: 411 }
  const length = Number(message.headers['content-length'] ?? '0')
  if (length > mostBytes) return { refused: 413 }
  // The parser is still at work on the head, and is not reentrant.
  await Promise.resolve()
  admit(length)
  try {
    return { bytes: Buffer.concat(await message.toArray()) }
  } catch {
    return { refused: 400 }
  }
}
