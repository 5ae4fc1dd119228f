import { hostAndPort } from '../net/host-name.ts'
import { domain, host, mistaken, oneOf, type Parse, parsed, whole } from './parse.ts'
import type { Setting } from './setting.ts'

/** Where a web site is. */
export type Site = {
  /** A name, an IP address, or the path of a Unix socket, whose port is 0. */
  readonly host: string
  readonly port: number
  /** Whether it gets the client's address by PROXY protocol, version 2. */
  readonly proxyProtocol: boolean
}

/** `host:port` or `unix:/path`. */
export const siteText = ({ host, port }: Pick<Site, 'host' | 'port'>): string =>
  host.startsWith('/') ? `unix:${host}` : hostAndPort(host, port)

/** A domain of fake TLS; `site` is null where unauthenticated clients are forwarded nowhere. */
export type MaskedDomain = { readonly name: string; readonly site: Site | null }

/** Each one costs connections to its site every 15 minutes. */
const mostDomains = 32

const domains: Parse<readonly string[]> = (text) => {
  if (text === '') return parsed([])
  const names: string[] = []
  for (const item of text.split(',')) {
    const read = domain(item.trim())
    if (!read.ok || read.value === '') {
      return mistaken('is not a domain: write a name such as www.example.com, several with commas between')
    }
    if (names.includes(read.value)) return mistaken(`has ${read.value} twice: write it once`)
    names.push(read.value)
  }
  return names.length <= mostDomains ? parsed(names) : mistaken(`has more than ${mostDomains} domains`)
}

const withoutZone: Parse<string> = (text) =>
  text.includes('%')
    ? mistaken('has a zone, which cannot be dialed: write an address that needs none')
    : host(text)

const longestPath = 107

/** The path of `unix:/path`; null for other text. */
const readPath = (text: string): string | null => {
  const path = /^unix:(\/[^,?\0]+)$/.exec(text)?.[1]
  return path === undefined || Buffer.byteLength(path) > longestPath ? null : path
}

const maskHost: Parse<string> = (text) => {
  if (text === 'auto' || text === 'off') return parsed(text)
  if (!text.startsWith('unix:')) return withoutZone(text)
  return readPath(text) === null
    ? mistaken(`must be unix:/ and a path of ${longestPath} bytes at most`)
    : parsed(text)
}

/** `unix:/path`, or `host:port` with IPv6 in brackets. */
const readSite = (text: string): Place | null => {
  const path = readPath(text)
  if (path !== null) return { host: path, port: 0 }
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  const [at, number] = [withoutZone(name), whole(1, 65_535)(port)]
  const bare = name.includes(':') && !name.startsWith('[')
  return at.ok && number.ok && !bare ? { host: at.value, port: number.value } : null
}

type Place = Omit<Site, 'proxyProtocol'>
type MaskHosts = ReadonlyMap<string, Place | null>

const maskHosts: Parse<MaskHosts> = (text) => {
  const sites = new Map<string, Place | null>()
  if (text === 'none') return parsed(sites)
  for (const item of text.split(',')) {
    const [name = '', at = '', ...rest] = item.trim().split('=')
    const read = domain(name)
    const site = readSite(at)
    if (!read.ok || read.value === '' || rest.length > 0 || (site === null && at !== 'off')) {
      return mistaken(
        'must be domain=host:port, domain=unix:/path or domain=off, several with commas between, or none',
      )
    }
    if (sites.has(read.value)) return mistaken(`has ${read.value} twice: write it once`)
    sites.set(read.value, site)
  }
  return parsed(sites)
}

/** All domains, or these. */
type Some = 'all' | readonly string[]

const some: Parse<Some> = (text) => {
  if (text === 'off') return parsed([])
  if (text === 'all') return parsed('all')
  const read = domains(text)
  return read.ok ? read : mistaken('must be off, all, or domains of TLS_DOMAIN with commas between')
}

/** Settings of what a censor sees; a part of `settings.ts`. */
export const maskingSettings = {
  TLS_DOMAIN: {
    parse: domains,
    fallback: 'www.cloudflare.com',
    doc: 'Domains that fake TLS names, with commas between: web sites near this host that a censor may see; the first is the default',
    shown: 'everywhere',
    mayBeEmpty: true,
  },
  MASK_HOST: {
    parse: maskHost,
    fallback: 'auto',
    doc: 'Web site to which unauthenticated clients are forwarded; auto is the domain itself, unix:/path a socket, off gives them no answer',
    shown: 'everywhere',
  },
  MASK_PORT: { parse: whole(1, 65_535), fallback: '443', doc: 'Port of MASK_HOST', shown: 'everywhere' },
  MASK_HOSTS: {
    parse: maskHosts,
    fallback: 'none',
    doc: 'Web sites of single domains of TLS_DOMAIN, as a.example=10.0.0.7:8443,b.example=unix:/run/site.sock; MASK_HOST is for the others',
    shown: 'everywhere',
  },
  MASK_PROXY_PROTOCOL: {
    parse: some,
    fallback: 'off',
    doc: 'Domains whose masking host gets the client’s address in a PROXY protocol header (version 2): off, all, or names; only for a host that reads it',
    shown: 'everywhere',
  },
  RECORD_SIZES: {
    parse: oneOf(['origin', 'max'] as const),
    fallback: 'origin',
    doc: 'Length of TLS records to ee clients: origin is that of the masking host, often short at the start of a burst; max is 16,384 bytes',
    shown: 'everywhere',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type MaskingValues = {
  readonly TLS_DOMAIN: readonly string[]
  readonly MASK_HOST: string
  readonly MASK_PORT: number
  readonly MASK_HOSTS: MaskHosts
  readonly MASK_PROXY_PROTOCOL: Some
}

/** The first is the default; its name is empty if TLS_DOMAIN is. */
export const domainsOf = (values: MaskingValues): readonly [MaskedDomain, ...MaskedDomain[]] => {
  const { TLS_DOMAIN, MASK_HOST, MASK_PORT, MASK_HOSTS, MASK_PROXY_PROTOCOL: named } = values
  const usual = (name: string): Place | null => {
    const host = MASK_HOST === 'auto' ? name : MASK_HOST
    if (host === '' || host === 'off') return null
    const path = readPath(host)
    return path === null ? { host, port: MASK_PORT } : { host: path, port: 0 }
  }
  const masked = (name: string): MaskedDomain => {
    const own = MASK_HOSTS.get(name)
    const place = own === undefined ? usual(name) : own
    const proxyProtocol = named === 'all' || named.includes(name)
    return { name, site: place === null ? null : { ...place, proxyProtocol } }
  }
  const [first = '', ...rest] = TLS_DOMAIN
  return [masked(first), ...rest.map(masked)]
}
