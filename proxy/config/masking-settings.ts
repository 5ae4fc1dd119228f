import { domain, host, mistaken, type Parse, parsed, whole } from './parse.ts'
import type { Setting } from './setting.ts'

/** Where a web site is. */
export type Site = { readonly host: string; readonly port: number }

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

const maskHost: Parse<string> = (text) =>
  text === 'auto' || text === 'off' ? parsed(text) : withoutZone(text)

/** `host:port`; IPv6 in brackets. */
const readSite = (text: string): Site | null => {
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  const [at, number] = [withoutZone(name), whole(1, 65_535)(port)]
  const bare = name.includes(':') && !name.startsWith('[')
  return at.ok && number.ok && !bare ? { host: at.value, port: number.value } : null
}

type MaskHosts = ReadonlyMap<string, Site | null>

const maskHosts: Parse<MaskHosts> = (text) => {
  const sites = new Map<string, Site | null>()
  if (text === 'none') return parsed(sites)
  for (const item of text.split(',')) {
    const [name = '', at = '', ...rest] = item.trim().split('=')
    const read = domain(name)
    const site = readSite(at)
    if (!read.ok || read.value === '' || rest.length > 0 || (site === null && at !== 'off')) {
      return mistaken('must be domain=host:port or domain=off, several with commas between, or none')
    }
    if (sites.has(read.value)) return mistaken(`has ${read.value} twice: write it once`)
    sites.set(read.value, site)
  }
  return parsed(sites)
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
    doc: 'Web site to which unauthenticated clients are forwarded; auto is the domain itself, off gives them no answer',
    shown: 'everywhere',
  },
  MASK_PORT: { parse: whole(1, 65_535), fallback: '443', doc: 'Port of MASK_HOST', shown: 'everywhere' },
  MASK_HOSTS: {
    parse: maskHosts,
    fallback: 'none',
    doc: 'Web sites of single domains of TLS_DOMAIN, as a.example=10.0.0.7:8443,b.example=off; MASK_HOST is for the others',
    shown: 'everywhere',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type MaskingValues = {
  readonly TLS_DOMAIN: readonly string[]
  readonly MASK_HOST: string
  readonly MASK_PORT: number
  readonly MASK_HOSTS: MaskHosts
}

/** The first is the default; its name is empty if TLS_DOMAIN is. */
export const domainsOf = (values: MaskingValues): readonly [MaskedDomain, ...MaskedDomain[]] => {
  const { TLS_DOMAIN, MASK_HOST, MASK_PORT, MASK_HOSTS } = values
  const usual = (name: string): Site | null => {
    const host = MASK_HOST === 'auto' ? name : MASK_HOST
    return host === '' || host === 'off' ? null : { host, port: MASK_PORT }
  }
  const masked = (name: string): MaskedDomain => {
    const site = MASK_HOSTS.get(name)
    return { name, site: site === undefined ? usual(name) : site }
  }
  const [first = '', ...rest] = TLS_DOMAIN
  return [masked(first), ...rest.map(masked)]
}
