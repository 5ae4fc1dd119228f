import type { Mode } from '../events/contract.ts'
import type { ListenAt } from '../net/link.ts'
import { placeText, type WrittenListener } from './listeners.ts'
import type { Values } from './settings.ts'

/** Where clients connect, and what holds for those that connect there. */
export type Listener = {
  readonly at: ListenAt
  /** In events and metrics; null: the one of MTPROTO_PORT, which needs no name. */
  readonly name: string | null
  readonly modes: readonly Mode[]
  /** Of fake TLS, all of TLS_DOMAIN or some; unauthenticated clients see the site of the first. */
  readonly domains: readonly string[]
  /** Networks whose PROXY protocol header is read; everything else is closed. Null: no header is expected. */
  readonly proxyProtocolFrom: readonly string[] | null
  /** In the links. Null: PUBLIC_HOST, as it is found; the port on which it listens. */
  readonly publicHost: string | null
  readonly publicPort: number | null
}

/** Clients of a Unix socket have this address; its permissions decide which programs may connect. */
export const localNetworks = ['127.0.0.1'] as const

const proxyProtocolOf = (
  { at, proxyProtocol }: WrittenListener,
  from: readonly string[] | null,
): readonly string[] | null => {
  if (proxyProtocol === null && from === null) return null
  if (proxyProtocol !== null && proxyProtocol !== 'on') return proxyProtocol.length > 0 ? proxyProtocol : null
  return 'path' in at ? localNetworks : from
}

/** Each listener with the settings of all of them. */
export const listenersOf = (values: Values): readonly Listener[] => {
  const {
    MTPROTO_HOST: host,
    MTPROTO_PORT: port,
    MODES,
    TLS_DOMAIN,
    PUBLIC_PORT,
    PROXY_PROTOCOL_FROM: from,
  } = values
  if (values.LISTEN === null) {
    return [
      {
        at: { host, port },
        name: null,
        modes: MODES,
        domains: TLS_DOMAIN,
        proxyProtocolFrom: from,
        publicHost: null,
        publicPort: PUBLIC_PORT,
      },
    ]
  }
  return values.LISTEN.map((written) => ({
    at: written.at,
    name: written.name,
    modes: written.modes ?? MODES,
    domains: written.domains ?? TLS_DOMAIN,
    proxyProtocolFrom: proxyProtocolOf(written, from),
    publicHost: written.publicHost,
    publicPort: written.publicPort ?? PUBLIC_PORT,
  }))
}

/** Host and port of the first listener that has them, for those who need one. */
export const firstPlace = (places: readonly ListenAt[]): { host: string; port: number } => {
  for (const at of places) if ('host' in at) return { host: at.host, port: at.port }
  return { host: '::', port: 0 }
}

/** The port of each listener, as far as the settings have it. */
export const writtenPorts = (listeners: readonly Listener[]): readonly (number | null)[] =>
  listeners.map(({ at }) => ('port' in at && at.port !== 0 ? at.port : null))

/** Settings of listeners that are valid each, but not together. */
export const listenerClashes = (values: Values): string[] => {
  const { LISTEN, MTPROTO_PORT, METRICS_PORT, CLIENT_MSS } = values
  const mistakes: string[] = []
  if (CLIENT_MSS !== null && values.PORTABLE_RELAY)
    mistakes.push(`CLIENT_MSS=${CLIENT_MSS} needs the native relay: leave CLIENT_MSS or PORTABLE_RELAY out`)
  if (LISTEN === null && MTPROTO_PORT === METRICS_PORT && MTPROTO_PORT !== 0)
    mistakes.push(`MTPROTO_PORT and METRICS_PORT are both ${MTPROTO_PORT}: give one of them another port`)
  return LISTEN === null ? mistakes : [...mistakes, ...writtenClashes(LISTEN, values)]
}

const writtenClashes = (listeners: readonly WrittenListener[], values: Values): string[] => {
  const { MTPROTO_PORT, MTPROTO_HOST, METRICS_PORT, TLS_DOMAIN } = values
  const mistakes: string[] = []
  if (MTPROTO_PORT !== 8080 || MTPROTO_HOST !== '::' || values.MTPROTO_PORT_SHARED)
    mistakes.push('LISTEN is set, and so is one of MTPROTO_PORT, _HOST, _PORT_SHARED: write all in LISTEN')
  for (const { at, name, modes, domains, proxyProtocol } of listeners) {
    if (modes?.includes('tls') && TLS_DOMAIN.length === 0)
      mistakes.push(`TLS_DOMAIN is empty, but ${name} of LISTEN has tls: write a domain, or other modes`)
    if (proxyProtocol === 'on' && !('path' in at) && values.PROXY_PROTOCOL_FROM === null)
      mistakes.push(
        `${name} of LISTEN has proxy-protocol=on: write networks there, or set PROXY_PROTOCOL_FROM`,
      )
    const foreign = domains?.find((domain) => !TLS_DOMAIN.includes(domain))
    if (foreign !== undefined)
      mistakes.push(`${name} of LISTEN has domain=${foreign}, which TLS_DOMAIN lacks: add it there`)
    if ('port' in at && at.port !== 0 && at.port === METRICS_PORT)
      mistakes.push(`${placeText(at)} of LISTEN has the port of METRICS_PORT: give one of them another port`)
  }
  return mistakes
}
