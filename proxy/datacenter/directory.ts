import { isIP } from 'node:net'
import type { Family } from '../events/contract.ts'
import { asciiName, hostAndPort } from '../net/host-name.ts'
import { testDatacenters } from '../wire/datacenter-number.ts'

/** `host` is an IP address (IPv6 without brackets) or a name. A name counts as `ipv4` until it is resolved. */
export type Address = { readonly host: string; readonly port: number; readonly family: Family }

/** By the signed number that clients send: 2; -2: media of 2; 10002: test datacenter 2. */
export type Directory = ReadonlyMap<number, readonly Address[]>

export type DirectoryReading =
  | { readonly ok: true; readonly directory: Directory }
  | { readonly ok: false; readonly mistakes: readonly string[] }

/** The largest number in the 16 bits that a client sends. https://core.telegram.org/mtproto/mtproto-transports */
const greatestId = 32_767

const telegramPort = 443

const hosts: readonly (readonly [id: number, ...hosts: string[]])[] = [
  [1, '149.154.175.50', '2001:b28:f23d:f001::a'],
  [2, '149.154.167.51', '95.161.76.100', '2001:67c:4e8:f002::a'],
  [-2, '149.154.167.151', '149.154.167.222'],
  [3, '149.154.175.100', '2001:b28:f23d:f003::a'],
  [4, '149.154.167.91', '2001:67c:4e8:f004::a'],
  [-4, '149.154.164.250'],
  [5, '149.154.171.5', '2001:b28:f23f:f005::a'],
  [203, '91.105.192.100', '2a0a:f280:203:a:5000::100'],
]

const testHosts: typeof hosts = [
  [testDatacenters + 1, '149.154.175.10'],
  [testDatacenters + 2, '149.154.167.40'],
  [testDatacenters + 3, '149.154.175.117'],
]

export const addressOf = (host: string, port: number): Address => ({
  host,
  port,
  family: isIP(host) === 6 ? 'ipv6' : 'ipv4',
})

const directoryOf = (table: typeof hosts): Directory =>
  new Map(table.map(([id, ...names]) => [id, names.map((host) => addressOf(host, telegramPort))]))

/** Telegram's own datacenters. */
export const telegram: Directory = directoryOf(hosts)

/** Whether all of Telegram's own are in it, at the built-in addresses. */
export const isTelegrams = (directory: Directory): boolean =>
  [...telegram].every(([id, addresses]) => directory.get(id) === addresses)

/** With Telegram's test datacenters, unless the directory has its own. */
export const withTestDatacenters = (directory: Directory): Directory =>
  new Map([...directory, ...[...directoryOf(testHosts)].filter(([id]) => !directory.has(id))])

/** The addresses to dial, in the order of the table. Media falls back to the plain datacenter; empty for an unknown one. */
export const addressesOf = (directory: Directory, dc: number, media: boolean): readonly Address[] => {
  const plain = Math.abs(dc)
  return (media ? directory.get(-plain) : undefined) ?? directory.get(plain) ?? []
}

/**
 * The addresses to dial when all of `addressesOf` have failed: media falls back to the plain datacenter. The built-in media
 * addresses are IPv4 only: a host with only IPv6 reaches none of them.
 */
export const reserveOf = (directory: Directory, dc: number, media: boolean): readonly Address[] => {
  const plain = Math.abs(dc)
  return media && directory.has(-plain) ? (directory.get(plain) ?? []) : []
}

/** Which address family is dialed first; `auto`: the one that is ahead in the directory, or by the probes. */
export type Preference = 'auto' | 'yes' | 'no' | 'only'

/** The addresses in the order of PREFER_IPV6; of each family in their own order. */
export const preferred = (directory: Directory, preference: Preference = 'auto'): Directory => {
  if (preference === 'auto') return directory
  const of = (addresses: readonly Address[], family: Family): readonly Address[] =>
    addresses.filter((address) => address.family === family)
  return new Map(
    [...directory].map(([id, all]) => {
      const [four, six] = [of(all, 'ipv4'), of(all, 'ipv6')]
      return [id, preference === 'no' ? [...four, ...six] : preference === 'yes' ? [...six, ...four] : six]
    }),
  )
}

/** Every datacenter that has addresses of its own: plain ones first, then media, each in rising order. */
export const entriesOf = (directory: Directory): readonly { dc: number; media: boolean }[] =>
  [...directory.keys()]
    .map((id) => ({ dc: Math.abs(id), media: id < 0 }))
    .sort((a, b) => Number(a.media) - Number(b.media) || a.dc - b.dc)

/** The plain ids that a client may ask for, in rising order. */
export const idsOf = (directory: Directory): readonly number[] =>
  [...new Set([...directory.keys()].map(Math.abs))].sort((a, b) => a - b)

/** `host:port`, as events and logs name an address. */
export const addressText = ({ host, port }: Address): string => hostAndPort(host, port)

const entry = /^(-?\d{1,5})=(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/
const name = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/i

const readEntry = (text: string): { id: number; address: Address } | string => {
  const [, idText, bracketed, bare, portText] = entry.exec(text) ?? []
  const host = bracketed ?? (bare === undefined ? undefined : asciiName(bare))
  if (idText === undefined || host === undefined) {
    return `"${text.slice(0, 60)}" is not of the form 2=host:port or 2=[IPv6]:port`
  }
  const [id, port] = [Number(idText), Number(portText)]
  if (id === 0 || Math.abs(id) > greatestId) return `"${idText}" is not the number of a datacenter`
  if (port === 0 || port > 65_535) return `"${portText}" is not a port of datacenter ${id}`
  const version = isIP(host)
  const looksNumeric = /^[\d.]+$/.test(host)
  if (bracketed !== undefined ? version !== 6 : version === 0 && (looksNumeric || !name.test(host))) {
    return `"${host.slice(0, 60)}" is neither an address nor a name (datacenter ${id})`
  }
  if (host.includes('%'))
    return `"${host.slice(0, 60)}" has a zone, which cannot be dialed: write an address that needs none (datacenter ${id})`
  return { id, address: addressOf(host, port) }
}

/**
 * Reads `1=host:port,2=host:port,-2=host:port,2=[::1]:443`, which replaces the built-in table. A repeated number adds
 * an address. Reports every mistake, each as a clause without the name of the setting.
 */
export const readDirectory = (text: string): DirectoryReading => {
  const directory = new Map<number, Address[]>()
  const mistakes: string[] = []
  const parts = text.split(',').map((part) => part.trim())
  for (const part of parts.filter((part) => part !== '')) {
    const read = readEntry(part)
    if (typeof read === 'string') mistakes.push(read)
    else directory.set(read.id, [...(directory.get(read.id) ?? []), read.address])
  }
  if (directory.size === 0 && mistakes.length === 0) mistakes.push('names no datacenter')
  for (const id of directory.keys()) {
    if (id < 0 && !directory.has(-id)) mistakes.push(`has media of datacenter ${-id} but not ${-id} itself`)
  }
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, directory }
}
