import { isIP } from 'node:net'
import type { Mode } from '../events/contract.ts'
import { hostAndPort } from '../net/host-name.ts'
import type { ListenAt } from '../net/link.ts'
import {
  anyOf,
  domain,
  host,
  ipAddress,
  mistaken,
  type Parse,
  type Parsed,
  parsed,
  port,
  whole,
} from './parse.ts'
import { modes } from './setting-parsers.ts'
import { networks } from './user-limits.ts'

/** One listener of LISTEN. Null: the setting of all listeners holds. */
export type WrittenListener = {
  readonly at: ListenAt
  /** In events and metrics. */
  readonly name: string
  readonly modes: readonly Mode[] | null
  /** Some of TLS_DOMAIN, the default first. */
  readonly domains: readonly string[] | null
  /** Whose PROXY protocol header is read; empty: no header is expected. */
  readonly proxyProtocol: readonly string[] | 'on' | null
  readonly publicHost: string | null
  readonly publicPort: number | null
}

/** sun_path of Linux has 108 bytes with the zero at the end; macOS has 104. */
const longestPath = process.platform === 'linux' ? 107 : 103
const mostListeners = 16

const word = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/

const domainNames: Parse<readonly string[]> = (text) => {
  const read = text.split('+').map(domain)
  const names = read.flatMap((one) => (one.ok && one.value !== '' ? [one.value] : []))
  return names.length === read.length
    ? parsed([...new Set(names)])
    : mistaken('must be names such as www.example.com, with + between')
}

const name: Parse<string> = (text) =>
  word.test(text) ? parsed(text) : mistaken('must be 1 to 32 letters, digits, dots, dashes or underscores')

const permissions: Parse<number> = (text) =>
  /^0?[0-7]{3}$/.test(text) ? parsed(Number.parseInt(text, 8)) : mistaken('must be permissions such as 0660')

const proxyProtocol: Parse<readonly string[] | 'on'> = (text) => {
  if (text === 'on') return parsed('on')
  if (text === 'off') return parsed([])
  const read = networks(text.replaceAll('+', ','))
  return read.ok ? read : mistaken('must be on, off, or networks as 10.0.0.0/8+2001:db8::/32')
}

const realPort = whole(1, 65_535)

/** Options behind `?`. `mode` is read with the path. */
const options = {
  name,
  modes: (text) => anyOf(modes)(text.replaceAll('+', ',')),
  domain: domainNames,
  'proxy-protocol': proxyProtocol,
  'public-host': host,
  'public-port': realPort,
  mode: permissions,
} as const satisfies Readonly<Record<string, Parse<unknown>>>

type Options = {
  -readonly [K in keyof typeof options]?: (typeof options)[K] extends Parse<infer T> ? T : never
}
const isOption = (text: string): text is keyof Options => Object.hasOwn(options, text)

const readOptions = (query: string): Parsed<Options> => {
  const read: Record<string, unknown> = {}
  for (const part of query === '' ? [] : query.split('&')) {
    const [key = '', ...rest] = part.split('=')
    const value = rest.join('=')
    if (!isOption(key)) return mistaken(`has the option ${key}: use only ${Object.keys(options).join(', ')}`)
    if (Object.hasOwn(read, key)) return mistaken(`has the option ${key} twice: join its values with +`)
    const one: Parsed<unknown> = options[key](value)
    if (!one.ok) return mistaken(`has ${key}=${value}, which ${one.mistake}`)
    read[key] = one.value
  }
  return parsed(read as Options)
}

const unixAt = (path: string, mode: number): Parsed<ListenAt> => {
  if (!path.startsWith('/')) return mistaken('needs the whole path: write unix:/run/mtscope/mtscope.sock')
  const length = Buffer.byteLength(path)
  return length > longestPath
    ? mistaken(`has a path of ${length} bytes: write one of ${longestPath} bytes at most`)
    : parsed({ path, mode })
}

const tcpAt = (place: string): Parsed<ListenAt> => {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(place) ?? []
  const address = ipAddress(bracketed ?? plain ?? '')
  const number = port(digits)
  const family = isIP(address.ok ? address.value : '')
  const right = address.ok && number.ok && family === (bracketed === undefined ? 4 : 6)
  return right
    ? parsed({ host: address.value, port: number.value })
    : mistaken('must be ADDRESS:PORT as 0.0.0.0:443 or [::]:443, unix:/PATH, systemd or systemd:NAME')
}

const placeOf = (place: string, mode = 0o660): Parsed<ListenAt> => {
  if (place.startsWith('unix:')) return unixAt(place.slice(5), mode)
  if (place === 'systemd') return parsed({ inherited: '' })
  if (!place.startsWith('systemd:')) return tcpAt(place)
  const inherited = place.slice(8)
  return word.test(inherited)
    ? parsed({ inherited })
    : mistaken('needs the FileDescriptorName of a .socket unit, or write systemd alone')
}

/** The address of a listener as LISTEN has it. */
export const placeText = (at: ListenAt): string => {
  if ('path' in at) return `unix:${at.path}`
  if ('inherited' in at) return at.inherited === '' ? 'systemd' : `systemd:${at.inherited}`
  return hostAndPort(at.host, at.port)
}

const readOne: Parse<WrittenListener> = (text) => {
  const [place = '', ...query] = text.split('?')
  const given = readOptions(query.join('?'))
  if (!given.ok) return mistaken(`${place} ${given.mistake}`)
  const { mode, ...own } = given.value
  const at = placeOf(place, mode)
  if (!at.ok) return mistaken(`${place} ${at.mistake}`)
  if (mode !== undefined && !('path' in at.value))
    return mistaken(`${place} has the option mode, which only unix: has: leave it out`)
  return parsed({
    at: at.value,
    name: own.name ?? placeText(at.value).slice(0, 64),
    modes: own.modes ?? null,
    domains: own.domain ?? null,
    proxyProtocol: own['proxy-protocol'] ?? null,
    publicHost: own['public-host'] ?? null,
    publicPort: own['public-port'] ?? null,
  })
}

/** What two listeners must not share: a port of any address counts for all addresses. */
const overlap = (one: ListenAt, other: ListenAt): boolean => {
  if ('port' in one && 'port' in other) {
    const anywhere = (address: string): boolean => address === '::' || address === '0.0.0.0'
    const same = one.host === other.host || one.host === '::' || other.host === '::'
    return one.port !== 0 && one.port === other.port && (same || (anywhere(one.host) && anywhere(other.host)))
  }
  if ('path' in one && 'path' in other) return one.path === other.path
  if (!('inherited' in one && 'inherited' in other)) return false
  return one.inherited === other.inherited || one.inherited === '' || other.inherited === ''
}

const duplicate = (all: readonly WrittenListener[]): string | null => {
  for (const [i, one] of all.entries()) {
    for (const other of all.slice(0, i)) {
      const [a, b] = [placeText(other.at), placeText(one.at)]
      if (overlap(one.at, other.at)) return `has ${a} and ${b}, which overlap: leave one of them out`
      if (one.name === other.name) return `has the name ${one.name} twice: give each listener its own`
    }
  }
  return null
}

/** The listeners, comma-separated, each with options as those of a URL. */
export const listeners: Parse<readonly WrittenListener[]> = (text) => {
  const read = text.split(',').map((one) => readOne(one.trim()))
  const wrong = read.find(({ ok }) => !ok)
  if (wrong !== undefined && !wrong.ok) return mistaken(`is wrong: ${wrong.mistake}`)
  const all = read.flatMap((one) => (one.ok ? [one.value] : []))
  if (all.length > mostListeners)
    return mistaken(`has ${all.length} listeners: ${mostListeners} are the limit`)
  const twice = duplicate(all)
  return twice === null ? parsed(all) : mistaken(twice)
}
