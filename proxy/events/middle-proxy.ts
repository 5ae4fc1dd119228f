import type { DialError, Family } from './sample.ts'

/** `getProxyConfig`, `getProxyConfigV6`, `getProxySecret`. */
export type MiddleProxyDocument = 'config' | 'config-v6' | 'secret'
/** `status`: not 200; `implausible`: readable, and not what Telegram would publish. */
export type ReadError = 'timeout' | 'unreachable' | 'status' | 'too-long' | 'malformed' | 'implausible'

/** `dc`: the datacenter that the middle proxy serves. */
type MiddleProxy = { dc: number; media: boolean; address: string; family: Family }

/** A middle proxy did not take a connection, or ended one that it had taken: the fault lies before the datacenter. */
export type MiddleProxyFailure = {
  /** Absent when it carried no client, or several. */
  connection?: string
  error: DialError
  elapsedMs: number
} & MiddleProxy

/** A probe of a middle proxy: the RPC handshake and a ping, as a connection begins. */
export type MiddleProxyProbe = MiddleProxy & {
  /** The times are absent when `error` is present. */
  tcpMs?: number
  /** From our nonce to the answer to our handshake. */
  handshakeMs?: number
  /** Ping → pong round trip. */
  pingMs?: number
  error?: DialError
}

/** What Telegram publishes about its middle proxies was read: from disk at the start, then hourly and daily. */
export type DocumentRead = {
  document: MiddleProxyDocument
  /** Addresses in use; of the secret 0 or 1. */
  entries: number
  /** Epoch, ms: when the document in use was downloaded; absent while none is. */
  fetchedAt?: number
  /** Why this download is not in use. */
  error?: ReadError
}
