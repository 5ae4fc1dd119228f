/** `untrusted-source`: not in PROXY_PROTOCOL_FROM. `no-header`: not complete within CLIENT_HANDSHAKE_TIMEOUT. */
export type HeaderRefusal = 'untrusted-source' | 'bad-header' | 'no-header'
export type RefusedHeaders = {
  reason: HeaderRefusal
  count: number
  worker: number
  /** Absent where LISTEN names no listener. */
  listener?: string
}

export const headerRefusals: Readonly<Record<HeaderRefusal, true>> = {
  'untrusted-source': true,
  'bad-header': true,
  'no-header': true,
}
