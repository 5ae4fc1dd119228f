import { isIP } from 'node:net'
import type { Preference } from '../datacenter/directory.ts'
import type { UpstreamSetting } from '../datacenter/upstream-resolve.ts'
import { type Login, longestLogin } from '../wire/socks5.ts'
import { host, mistaken, oneOf, type Parse, type Parsed, parsed, whole } from './parse.ts'
import type { Setting } from './setting.ts'

/** The most upstreams: each is a label value of metrics, and is probed. */
const most = 16
const device = /^[A-Za-z0-9][\w.-]{0,14}$/
const name = /^[a-z0-9][a-z0-9.-]{0,31}$/

/** /24 of an IPv4 address, /48 of an IPv6 address: no event has a full address of this host. */
const networkOf = (address: string): string => {
  if (isIP(address) === 4) return `${address.split('.').slice(0, 3).join('.')}.0/24`
  const [head = ''] = address.split('::')
  const words = head.split(':').filter((word) => word !== '')
  return `${[...words, '0', '0', '0'].slice(0, 3).join(':')}::/48`.toLowerCase()
}

const loginOf = (url: URL): Login | null => {
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
  return user === '' && password === '' ? null : { user, password }
}

const fits = (text: string): boolean => text !== '' && Buffer.byteLength(text) <= longestLogin

type Kind = Pick<UpstreamSetting, 'kind'> & { readonly plain: string; readonly rest: object }

const readSocks5 = (text: string): Parsed<Kind> => {
  const url = URL.parse(text)
  const bare = url === null ? null : host(url.hostname)
  if (url === null || bare === null || !bare.ok || url.port === '' || !/^\/?$/.test(url.pathname))
    return mistaken('is not of the form socks5://user:password@host:port')
  let login: Login | null
  try {
    login = loginOf(url)
  } catch {
    return mistaken('has a % in user or password that is not written as %25')
  }
  if (login !== null && !(fits(login.user) && fits(login.password)))
    return mistaken(`needs both user and password, of ${longestLogin} bytes at most`)
  return parsed({
    kind: 'socks5',
    plain: 'socks5',
    rest: { host: bare.value, port: Number(url.port), login },
  })
}

const readBind = (text: string): Parsed<Kind> => {
  const items = text.split('+').map((item) => /^\[(.*)\]$/.exec(item)?.[1] ?? item)
  if (items.every((item) => isIP(item) > 0 && !item.includes('%')))
    return parsed({
      kind: 'bind',
      plain: `bind-${networkOf(items[0]!)}`,
      rest: { addresses: items, device: null },
    })
  const [one = ''] = items
  return items.length === 1 && device.test(one)
    ? parsed({ kind: 'bind', plain: `bind-${one.toLowerCase()}`, rest: { addresses: [], device: one } })
    : mistaken('names neither addresses of this host, with + between, nor one interface')
}

const readKind = (text: string): Parsed<Kind> => {
  if (text === 'direct') return parsed({ kind: 'direct', plain: 'direct', rest: {} })
  if (text.startsWith('socks5://')) return readSocks5(text)
  if (text.startsWith('bind:')) return readBind(text.slice('bind:'.length))
  return mistaken('is none of direct, socks5://user:password@host:port, bind:ADDRESS and bind:INTERFACE')
}

type Options = { readonly weight: number | null; readonly name: string | null }

const readOptions = (text: string): Parsed<Options> => {
  let options: Options = { weight: null, name: null }
  for (const [key, value] of new URLSearchParams(text)) {
    const weight = whole(1, 100)(value)
    if (key === 'weight' && weight.ok) options = { ...options, weight: weight.value }
    else if (key === 'name' && name.test(value)) options = { ...options, name: value }
    else return mistaken('has an option that is neither weight=1 to 100 nor name=letters, digits and dashes')
  }
  return parsed(options)
}

/** No mistake repeats the text: it may hold a password. */
const readOne = (text: string, at: number): Parsed<{ kind: Kind; options: Options }> => {
  const [plain = '', query = '', ...more] = text.split('?')
  const [kind, options] = [readKind(plain), readOptions(query)]
  const where = (mistake: string): Parsed<never> =>
    mistaken(`has as number ${at + 1} an upstream that ${mistake}`)
  if (more.length > 0) return where('has two question marks: write ? in a password as %3F')
  if (!kind.ok) return where(kind.mistake)
  return options.ok ? parsed({ kind: kind.value, options: options.value }) : where(options.mistake)
}

/** Upstreams in their order. With a weight anywhere, one without has the weight 1. */
const upstreams: Parse<readonly UpstreamSetting[] | null> = (text) => {
  if (text === 'direct') return parsed(null)
  const found: { kind: Kind; options: Options }[] = []
  for (const [at, part] of text.split(',').entries()) {
    const read = readOne(part.trim(), at)
    if (!read.ok) return read
    found.push(read.value)
  }
  if (found.length > most) return mistaken(`has ${found.length} upstreams: write ${most} at most`)
  const weighted = found.some(({ options }) => options.weight !== null)
  const names = new Set<string>()
  const all = found.map(({ kind, options }) => {
    const base = options.name ?? kind.plain
    const count = (n: number): string =>
      (kind.kind === 'socks5' && options.name === null) || n > 1 ? `${base}-${n}` : base
    let n = 1
    while (names.has(count(n))) n++
    names.add(count(n))
    const weight = weighted ? (options.weight ?? 1) : null
    return { kind: kind.kind, name: count(n), weight, ...kind.rest } as UpstreamSetting // as `readKind` made it
  })
  return parsed(all)
}

/** Ways out of this host. */
export const upstreamSettings = {
  UPSTREAMS: {
    parse: upstreams,
    fallback: 'direct',
    doc: 'Ways to datacenters, in order or by ?weight=2: direct, socks5://user:password@host:port, bind:ADDRESS, bind:INTERFACE; see docs/upstreams.md',
    secret: true,
  },
  PREFER_IPV6: {
    parse: oneOf<Preference>(['auto', 'yes', 'no', 'only']),
    fallback: 'auto',
    doc: 'Whether datacenters are dialed over IPv6 first; auto is the faster family by the probes, only never dials IPv4',
    shown: 'everywhere',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
