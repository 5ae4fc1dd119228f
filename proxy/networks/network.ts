import { isIP } from 'node:net'

/** The addresses from `first` to `last`, as numbers of `family` 4 (32 bits) or 6 (128 bits). */
export type Network = { readonly family: 4 | 6; readonly first: bigint; readonly last: bigint }

const ofIpv4 = (text: string): bigint =>
  BigInt(text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0))

/** `text` is a valid IPv6 address without a zone. */
const ofIpv6 = (text: string): bigint => {
  // An IPv4 address at its end is two groups.
  const whole = text.replace(/(\d+\.\d+\.\d+\.\d+)$/, (four) => {
    const number = Number(ofIpv4(four))
    return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
  })
  const [head = '', tail] = whole.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

const mapped = 0xffffn << 32n

/**
 * `203.0.113.0/24`, `2001:db8::/32`, or an address alone; bits behind the prefix are ignored. An IPv4-mapped IPv6 network
 * is the IPv4 network. Null: neither.
 */
export const readNetwork = (text: string): Network | null => {
  const [, address = '', digits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? []
  const family = isIP(address)
  if (family === 0) return null
  const most = family === 4 ? 32 : 128
  const bits = digits === undefined ? most : Number(digits)
  if (bits > most) return null
  const size = 1n << BigInt(most - bits)
  const number = family === 4 ? ofIpv4(address) : ofIpv6(address)
  const first = number - (number % size)
  const last = first + size - 1n
  return family === 6 && first >> 32n === mapped >> 32n && bits >= 96
    ? { family: 4, first: first - mapped, last: last - mapped }
    : { family: family === 4 ? 4 : 6, first, last }
}
