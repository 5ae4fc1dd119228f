import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

export type OwnHosts = {
  /** METRICS_HOST: the address or name on which the server listens. */
  readonly bound: string
  /** METRICS_ALLOWED_HOSTS; `*` allows every name. */
  readonly allowed: readonly string[]
  /** The host in the links; null until it is found. */
  readonly published: () => string | null
}

/** The host of a `Host` header as browsers write it: lower case, punycode, short IPv6; null when malformed. */
const hostOf = (text: string): string | null =>
  /^[^/?#@\\\s]+$/.test(text) ? (URL.parse(`http://${text}`)?.hostname.replace(/\.$/, '') ?? null) : null

const plainHost = (name: string): string | null => hostOf(isIP(name) === 6 ? `[${name}]` : name)

const isLoopback = (host: string): boolean => /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(host)

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

const isOwnAddress = (host: string): boolean =>
  Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => plainHost(address) === host))

/**
 * Returns a check of the `Host` header. A page of another site can resolve its own name to our address (DNS rebinding)
 * and then read our answers as its own origin, so only names and addresses of this server pass.
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
    // HTTP/1.0 may omit it. Browsers do not.
    if (header === undefined) return true
    const host = hostOf(header)
    if (host === null) return false
    if (isLoopback(host) || names.has(host)) return true
    const link = published()
    if (link !== null && plainHost(link) === host) return true
    return everywhere && isIP(host.replace(/^\[|\]$/g, '')) !== 0 && isOwnAddress(host)
  }
}
