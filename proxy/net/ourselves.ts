import { readlinkSync, realpathSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { basename, dirname, join, normalize, resolve } from 'node:path'
import type { ListenAt } from './link.ts'

/** A listener of this proxy. */
export type OwnPlace = {
  readonly at: ListenAt
  /** The address and port in its links. Null: not known; the port on which it listens. */
  readonly publicHost: string | null
  readonly publicPort: number | null
}

/** All addresses of a name; none when it has no DNS answer. */
type LookUp = (name: string) => Promise<readonly string[]>

type SiteAt = { readonly host: string; readonly port: number }

const listOf = (addresses: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const address of addresses)
    if (isIP(address) > 0) list.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return list
}

const has = (list: BlockList, host: string): boolean => list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')

const interfaceAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))

/** A connection to no address ends at this machine. */
const dialed: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Whether a connection to `host` reaches the listener of an address; `addresses`: of this machine. */
const reaches = (host: string, listened: string, addresses: readonly string[]): boolean => {
  if (listened !== '::' && listened !== '0.0.0.0') return has(listOf([listened]), host)
  const list = listOf(addresses.filter((address) => listened === '::' || isIP(address) === 4))
  list.addSubnet('127.0.0.0', 8, 'ipv4')
  if (listened === '::') list.addAddress('::1', 'ipv6')
  return has(list, host)
}

const linkTo = (path: string): string | null => {
  try {
    return resolve(dirname(path), readlinkSync(path))
  } catch {
    return null
  }
}

/** A path without symbolic links; the socket itself may not exist yet. `depth`: links that are followed to it. */
const realPath = (path: string, depth = 8): string => {
  const target = depth > 0 ? linkTo(path) : null
  if (target !== null) return realPath(target, depth - 1)
  try {
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    return normalize(path)
  }
}

/**
 * Whether one of the listeners is at the address of a site, as which it would have every connection forwarded to itself,
 * endlessly. `host`: an address, or the path of a Unix socket.
 */
export const isOurselves = (
  { host, port }: SiteAt,
  places: readonly OwnPlace[],
  addresses: () => readonly string[] = interfaceAddresses,
): boolean =>
  places.some(({ at, publicHost, publicPort }) => {
    if (host.startsWith('/')) return 'path' in at && realPath(at.path) === realPath(host)
    if (isIP(host) === 0) return false
    const target = dialed[host] ?? host
    const own = 'port' in at ? at : null
    if (port === own?.port && reaches(target, own.host, addresses())) return true
    const isPublished = port === own?.port || port === publicPort
    return isPublished && publicHost !== null && has(listOf([publicHost]), target)
  })

/** The listeners with `publicHost` where a listener has none of its own, and with the addresses of names. */
export const resolvePlaces = async (
  listeners: readonly OwnPlace[],
  publicHost: string | null,
  lookUp: LookUp,
): Promise<readonly OwnPlace[]> => {
  const answers = new Map<string, ReturnType<LookUp>>()
  const look = (name: string): ReturnType<LookUp> => {
    const known = answers.get(name) ?? lookUp(name)
    answers.set(name, known)
    return known
  }
  const resolved = async ({ at, publicPort, ...own }: OwnPlace): Promise<readonly OwnPlace[]> => {
    const name = own.publicHost ?? publicHost
    const found = name === null || isIP(name) > 0 ? [name] : await look(name)
    return (found.length > 0 ? found : [null]).map((host) => ({ at, publicHost: host, publicPort }))
  }
  return (await Promise.all(listeners.map(resolved))).flat()
}
