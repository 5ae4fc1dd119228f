import type { IncomingMessage } from 'node:http'

export type Request = {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Undefined in HTTP/1.0 only. */
  readonly host: string | undefined
  /** The client accepts gzip. */
  readonly gzip: boolean
}

const gzipWanted = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i

/** Nothing reads a body, so a connection cannot go on after a request that has one. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** Null when it must get a 400: node:http lets other versions and repeated Host headers pass. */
export const readRequest = (message: IncomingMessage): Request | null => {
  const { method = '', url = '', headers, headersDistinct, httpVersionMajor } = message
  if (httpVersionMajor !== 1 || (headersDistinct.host?.length ?? 0) > 1) return null
  return {
    method,
    path: url.split('?', 1)[0] ?? '',
    host: headers.host,
    gzip: gzipWanted.test(String(headers['accept-encoding'] ?? '')),
  }
}
