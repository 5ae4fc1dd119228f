import { isIP } from 'node:net'
import { asciiName } from '../net/host-name.ts'

/** `mistake` is a clause that follows `NAME=value` and ends with what to write instead. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly mistake: string }
export type Parse<T> = (text: string) => Parsed<T>

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value })
export const mistaken = (mistake: string): Parsed<never> => ({ ok: false, mistake })

/** A whole number from `least` to `most`. */
export const whole =
  (least: number, most: number): Parse<number> =>
  (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most
      ? parsed(value)
      : mistaken(`must be a whole number from ${least} to ${most}`)
  }

/** 0 takes any free port. */
export const port: Parse<number> = (text) => {
  const read = whole(0, 65_535)(text)
  return read.ok ? read : mistaken('is not a port: write a number from 1 to 65535, or 0 for any free port')
}

export const yesOrNo: Parse<boolean> = (text) => {
  const word = text.toLowerCase()
  if (word === 'true' || word === 'false') return parsed(word === 'true')
  return mistaken('must be true or false')
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const isTimeUnit = (unit: string): unit is keyof typeof unitsMs => Object.hasOwn(unitsMs, unit)

/** Seconds, or a number with `ms`, `s`, `m`, `h` or `d`, to milliseconds; `least` and `most` in seconds. */
export const duration =
  (least: number, most: number): Parse<number> =>
  (text) => {
    const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d{1,3})?)([a-z]{0,2})$/.exec(text) ?? []
    const name = unit === '' ? 's' : unit
    const ms = isTimeUnit(name) ? Math.round(Number(digits) * unitsMs[name]) : Number.NaN
    return ms >= least * 1_000 && ms <= most * 1_000
      ? parsed(ms)
      : mistaken(`must be seconds from ${least} to ${most} (or as 500ms, 90s, 5m, 12h, 7d)`)
  }

const unitsBytes: Readonly<Record<string, number>> = { '': 1, k: 1_024, m: 1_024 ** 2, g: 1_024 ** 3 }

/** Bytes, or a number with `K`, `M` or `G` (powers of 1024). */
export const bytes =
  (least: number, most: number): Parse<number> =>
  (text) => {
    const [, digits, unit = ''] = /^(\d{1,13})([kmg]?)$/i.exec(text) ?? []
    const value = Number(digits) * (unitsBytes[unit.toLowerCase()] ?? Number.NaN)
    return value >= least && value <= most
      ? parsed(value)
      : mistaken(`must be bytes from ${least} to ${most} (or as 64K, 256M, 1G)`)
  }

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i

const isName = (text: string): boolean => {
  const labels = text.replace(/\.$/, '').split('.')
  const numeric = /^\d+$/.test(labels.at(-1) ?? '')
  return text.length <= 253 && !numeric && labels.every((part) => label.test(part))
}

/** An IP address (IPv6 with or without brackets) or a host name; an internationalized one as punycode. */
export const host: Parse<string> = (text) => {
  const bare = /^\[([^\]]*)\]$/.exec(text)?.[1] ?? asciiName(text)
  const good = text.startsWith('[') ? isIP(bare) === 6 : isIP(bare) !== 0 || isName(bare)
  return good
    ? parsed(bare)
    : mistaken('is neither an IP address nor a host name: write it without port and scheme')
}

/** Hosts, comma-separated; drops `none` and empty items, keeps `*`. */
export const hosts: Parse<readonly string[]> = (text) => {
  const items = text.split(',').map((item) => item.trim())
  const read = items
    .filter((item) => item !== '' && item !== 'none')
    .map((item) => (item === '*' ? parsed(item) : host(item)))
  return read.every((one) => one.ok)
    ? parsed(read.map(({ value }) => value))
    : mistaken('must be host names or addresses without port, with commas between, or * for every name')
}

/** An address to bind. Names are refused, since they can resolve to any address, and zones, which need an interface number. */
export const ipAddress: Parse<string> = (text) => {
  const bare = /^\[([^\]]*)\]$/.exec(text)?.[1] ?? text
  return isIP(bare) === 0 || bare.includes('%')
    ? mistaken('is not an IP address without a zone: write one of this host, as 127.0.0.1, or :: for all')
    : parsed(bare)
}

/** Null for text that is not a URL or has another scheme than these (`https:`). */
export const urlOf = (text: string, ...schemes: string[]): URL | null => {
  const url = URL.parse(text)
  return url !== null && schemes.includes(url.protocol) && url.hostname !== '' ? url : null
}

/** For the host of a setting or of a URL. */
export const isLoopback = (name: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i.test(name)

/** The longest name that Telegram's clients take in an `ee` secret. https://github.com/tdlib/td, ProxySecret.h */
const longestDomain = 182

/** A server name of TLS: at least one dot, not an IP address; as punycode. Accepts an empty text. */
export const domain: Parse<string> = (text) => {
  if (text === '') return parsed('')
  const name = asciiName(text)
  const good = isName(name) && name.includes('.') && !name.endsWith('.') && name.length <= longestDomain
  return good ? parsed(name.toLowerCase()) : mistaken('is not a domain: write a name such as www.example.com')
}

/** Null for `word`. */
export const either =
  <T>(word: string, parse: Parse<T>): Parse<T | null> =>
  (text) =>
    text === word ? parsed(null) : parse(text)

/** Items of a closed set, without repetition. */
export const anyOf =
  <T extends string>(known: readonly T[]): Parse<readonly T[]> =>
  (text) => {
    const words = text.split(',').map((word) => word.trim().toLowerCase())
    const chosen = known.filter((item) => words.includes(item))
    return chosen.length > 0 && words.every((word) => chosen.some((item) => item === word))
      ? parsed(chosen)
      : mistaken(`must be one or more of ${known.join(', ')}, with commas between`)
  }

/** A plain number. */
export const factor =
  (least: number, most: number): Parse<number> =>
  (text) => {
    const value = /^\d{1,4}(?:\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most
      ? parsed(value)
      : mistaken(`is not a number from ${least} to ${most}: write one such as 1 or 0.5`)
  }

/** One word of a closed set. */
export const oneOf =
  <T extends string>(known: readonly T[]): Parse<T> =>
  (text) => {
    const chosen = known.find((item) => item === text.toLowerCase())
    return chosen === undefined ? mistaken(`must be one of ${known.join(', ')}`) : parsed(chosen)
  }
