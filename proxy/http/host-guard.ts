import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

export type OwnHosts = {
  /** METRICS_HOST: the address or name that the server listens on. */
  readonly bound: string
  /** METRICS_ALLOWED_HOSTS; `*` allows every name. */
  readonly allowed: readonly string[]
  /** The host in the links, once it is known. */
  readonly published: () => string | null
}

/** The host of a `Host` header in the one form that browsers send: lower case, punycode, short IPv6; null when malformed. */
const hostOf = (text: string): string | null =>
  /^[^/?#@\\\s]+$/.test(text) ? (URL.parse(`http://${text}`)?.hostname.replace(/\.$/, '') ?? null) : null

const plainHost = (name: string): string | null => hostOf(isIP(name) === 6 ? `[${name}]` : name)

const isLoopback = (host: string): boolean => /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(host)

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

const isOwnAddress = (host: string): boolean =>
  Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => plainHost(address) === host))

/**
 * Whether a request names this server. A page of another site can make its own name resolve to our address and then read
 * our answers as its own origin, so only names and addresses of this server pass.
 * https://en.wikipedia.org/wiki/DNS_rebinding
 */
export const guardHosts = ({
  bound,
  allowed,
  published,
}: OwnHosts): ((header: string | undefined) => boolean) => {
  if (allowed.includes('*')) return () => true
  const everywhere = wildcards.has(bound)
  const names = new Set([...(everywhere ? [] : [bound]), hostname(), ...allowed].map(plainHost))
  return (header) => {
    // Only HTTP/1.0 may leave it out, and no browser does.
    if (header === undefined) return true
    const host = hostOf(header)
    if (host === null) return false
    if (isLoopback(host) || names.has(host)) return true
    const link = published()
    if (link !== null && plainHost(link) === host) return true
    return everywhere && isIP(host.replace(/^\[|\]$/g, '')) !== 0 && isOwnAddress(host)
  }
}
