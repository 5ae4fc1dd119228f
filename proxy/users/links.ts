import type { Mode } from '../events/contract.ts'
import type { User } from './user.ts'

export type Link = {
  readonly user: string
  readonly mode: Mode
  /** Null: there is one listener only. */
  readonly listener: string | null
  /** The domain of a link of `tls`; null for the other modes. */
  readonly domain: string | null
  readonly tg: string
  readonly web: string
  /** The secret alone, as an app takes it: in hex, and shorter in base64url. */
  readonly hex: string
  readonly base64url: string
}

/** The secret as a link has it: plain hex for `classic`, with `dd` for `secure`, with `ee` and the domain for `tls`. */
const secretText = (mode: Mode, user: User, domain: string | null): string => {
  const hex = user.secret.hex()
  if (mode === 'classic') return hex
  return mode === 'secure' ? `dd${hex}` : `ee${hex}${Buffer.from(domain ?? '').toString('hex')}`
}

/** A listener, as far as links name it. Null: the address and port that the program found. */
type LinkedListener = {
  readonly name: string | null
  readonly modes: readonly Mode[]
  readonly domains: readonly string[]
  readonly publicHost: string | null
  readonly publicPort: number | null
}

export type LinkPlace = {
  readonly listener: string | null
  readonly modes: readonly Mode[]
  readonly server: string
  readonly port: number
  /** Of fake TLS: each one has a link. */
  readonly domains: readonly string[]
}

/** The listeners as links name them. One without a known port has no link. */
export const linkPlaces = (
  listeners: readonly LinkedListener[],
  ports: readonly (number | null)[],
  publicHost: string,
): readonly LinkPlace[] =>
  listeners.flatMap(({ name, modes, domains, publicHost: own, publicPort }, i) => {
    const port = publicPort ?? ports[i] ?? null
    return port === null ? [] : [{ listener: name, server: own ?? publicHost, port, modes, domains }]
  })

const linkOf = (user: User, mode: Mode, domain: string | null, place: LinkPlace): Link => {
  const secret = secretText(mode, user, domain)
  const query = new URLSearchParams({ server: place.server, port: String(place.port), secret })
  return {
    user: user.name,
    mode,
    listener: place.listener,
    domain,
    tg: `tg://proxy?${query}`,
    web: `https://t.me/proxy?${query}`,
    hex: secret,
    base64url: Buffer.from(secret, 'hex').toString('base64url'),
  }
}

/** The links that open Telegram with this proxy, for each user, listener, mode and domain; each once. */
export const linksOf = (users: readonly User[], places: readonly LinkPlace[]): readonly Link[] => {
  const links = users.flatMap((user) =>
    places.flatMap((place) =>
      place.modes.flatMap((mode) =>
        (mode === 'tls' ? place.domains : [null]).map((domain) => linkOf(user, mode, domain, place)),
      ),
    ),
  )
  // Several listeners may be reached by the same link.
  return [...new Map(links.map((link) => [link.tg, link])).values()]
}
