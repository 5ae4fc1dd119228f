import { isIP } from 'node:net'
import type { Family, UpstreamError } from '../events/contract.ts'
import { addressBytes } from '../net/epoll/libc.ts'
import type { Dialing, Engine, Link, LinkEvents } from '../net/link.ts'
import { type Login, type Socks5, type Socks5Failure, socks5 } from '../wire/socks5.ts'
import type { Address } from './directory.ts'

/** A way out of this host, ready to be dialed: plain data, because it crosses threads. */
export type Upstream = {
  /** As events name it. */
  readonly name: string
  /** Its share among the others that work; null: the upstreams are taken in their order. */
  readonly weight: number | null
} & (
  | { readonly kind: 'direct' }
  /** `addresses` of this host, none while it does not have them. */
  | { readonly kind: 'bind'; readonly addresses: readonly string[]; readonly device: string | null }
  /** `servers`: the IP addresses of the SOCKS5 server, none while its name has no answer. */
  | {
      readonly kind: 'socks5'
      readonly servers: readonly string[]
      readonly port: number
      readonly login: Login | null
    }
)

/** Where a dial failed, and why. */
export type Miss = {
  readonly hop: 'upstream' | 'datacenter'
  readonly error: UpstreamError
}

const failures: Readonly<Record<Socks5Failure, Miss>> = {
  login: { hop: 'upstream', error: 'login' },
  denied: { hop: 'upstream', error: 'denied' },
  failed: { hop: 'upstream', error: 'other' },
  protocol: { hop: 'upstream', error: 'protocol' },
  unreachable: { hop: 'datacenter', error: 'unreachable' },
  refused: { hop: 'datacenter', error: 'refused' },
  expired: { hop: 'datacenter', error: 'timeout' },
}

export const missOf = (failure: Socks5Failure): Miss => failures[failure]

/** Where a socket failed that goes to the datacenter itself. */
export const socketMiss = (error: UpstreamError): Miss => ({
  hop: error === 'no-source' || error === 'no-ports' ? 'upstream' : 'datacenter',
  error,
})

const familyOf = (address: string): Family => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The source addresses of an upstream for a destination of this family. */
export const sourcesOf = (upstream: Upstream & { kind: 'bind' }, family: Family): readonly string[] =>
  upstream.addresses.filter((address) => familyOf(address) === family)

/** Whether the upstream can be dialed now. One that cannot has failed. */
export const isReady = (upstream: Upstream): boolean => {
  if (upstream.kind === 'bind') return upstream.addresses.length > 0
  return upstream.kind === 'direct' || upstream.servers.length > 0
}

/** Whether the upstream has a source for addresses of this family. */
export const serves = (upstream: Upstream, { family }: Address): boolean =>
  upstream.kind !== 'bind' || sourcesOf(upstream, family).length > 0

/** Takes turns among the source addresses, in one thread. */
let turn = 0
/** By the name of an upstream: the address of its SOCKS5 server that is tried first. */
const servers = new Map<string, number>()

type Dial = {
  readonly engine: Engine
  readonly address: Address
  readonly connected: (link: Link) => void
  readonly failed: (miss: Miss) => void
}

const dialBound = (upstream: Upstream & { kind: 'bind' }, dial: Dial): Dialing => {
  const { engine, address, connected, failed } = dial
  const sources = sourcesOf(upstream, address.family)
  const first = turn++
  let tried = 0
  let running: Dialing
  const next = (): void => {
    const source = { address: sources[(first + tried++) % sources.length]!, device: upstream.device }
    const { host, port } = address
    running = engine.dial(host, port, connected, missed, source)
  }
  // Another address may be there, or have a free port.
  const missed = (error: UpstreamError): void => {
    const miss = socketMiss(error)
    if (miss.hop === 'upstream' && tried < sources.length) next()
    else failed(miss)
  }
  next()
  return { cancel: () => running.cancel() }
}

/** A handshake with a SOCKS5 server, the owner of its link. */
type Handshake = {
  readonly link: Link
  readonly protocol: Socks5
  readonly dial: Dial
}

const giveUp = ({ link, dial }: Handshake, miss: Miss): void => {
  link.close()
  dial.failed(miss)
}

const resetOf = (handshake: Handshake): void => giveUp(handshake, { hop: 'upstream', error: 'reset' })

const handshaking: LinkEvents<Handshake> = {
  bytes: (handshake, buffer, start, end) => {
    const { link, protocol, dial } = handshake
    const step = protocol.take(buffer, start, end)
    if (step === 'wait') return
    if (step === 'connected') return dial.connected(link)
    if ('send' in step) link.write(step.send, 0, step.send.length)
    else giveUp(handshake, missOf(step.failure))
  },
  drained: () => {},
  ended: resetOf,
  lost: (handshake, error) => handshake.dial.failed({ hop: 'upstream', error }),
  faulted: (handshake) => handshake.dial.failed({ hop: 'upstream', error: 'other' }),
}

const dialSocks5 = (upstream: Upstream & { kind: 'socks5' }, dial: Dial): Dialing => {
  const { name, port, login } = upstream
  const { engine, address } = dial
  const from = servers.get(name) ?? 0
  let tried = 0
  let link: Link | null = null
  let connecting: Dialing
  const greet = (server: Link): void => {
    link = server
    const protocol = socks5(addressBytes(address.host), address.port, login)
    server.attach(handshaking, { link: server, protocol, dial })
    server.write(protocol.greeting, 0, protocol.greeting.length)
  }
  const next = (): void => {
    const host = upstream.servers[(from + tried) % upstream.servers.length]!
    connecting = engine.dial(host, port, greet, missed)
  }
  const leaveServer = (): void => {
    tried++
    servers.set(name, from + tried)
  }
  const missed = (error: UpstreamError): void => {
    leaveServer()
    if (tried < upstream.servers.length) next()
    else dial.failed({ hop: 'upstream', error })
  }
  next()
  return {
    cancel: () => {
      if (link !== null) return link.close()
      // It may be silent: the next dial tries another address.
      leaveServer()
      connecting.cancel()
    },
  }
}

/** Dials an address through an upstream; null: from this host, as the routes have it. As `Engine.dial`. */
export const dialThrough = (upstream: Upstream | null, dial: Dial): Dialing => {
  if (upstream?.kind === 'bind') return dialBound(upstream, dial)
  if (upstream?.kind === 'socks5') return dialSocks5(upstream, dial)
  const { engine, address, connected, failed } = dial
  return engine.dial(address.host, address.port, connected, (error) => failed(socketMiss(error)))
}
