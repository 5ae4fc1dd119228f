import { connect, type Socket } from 'node:net'
import { localHeader } from '../wire/proxy-protocol.ts'

/** `host` may be the path of a Unix socket. */
export type SiteAddress = {
  readonly host: string
  readonly port: number
  /** Whether the site expects a PROXY protocol header. */
  readonly proxyProtocol?: boolean
}

/** A connection of our own to a site: a header of PROXY protocol names no client. */
export const connectSite = ({ host, port, proxyProtocol }: SiteAddress): Socket => {
  const socket = connect({ ...(host.startsWith('/') ? { path: host } : { host, port }), noDelay: true })
  if (proxyProtocol) socket.write(localHeader)
  return socket
}
