import { BlockList, isIPv4 } from 'node:net'
import type { Address } from '../datacenter/directory.ts'
import { ipv6Bytes } from '../net/epoll/libc.ts'

/** What Telegram publishes about its middle proxies; plain data, because it crosses threads. */
export type MiddleProxies = {
  /** By the signed number of the datacenter that they serve: 2; -2: media of 2. IP addresses only, none of them empty. */
  readonly byDc: ReadonlyMap<number, readonly Address[]>
  /** Serves the datacenters that have no middle proxies of their own. `byDc` has it. */
  readonly defaultDc: number
  /** The secret that all middle proxies share; never in an event, a log line or a label. */
  readonly secret: Uint8Array
}

/** The addresses of this host as Telegram sees them, which are part of the keys; null where none is known. */
export type OurAddress = { readonly ipv4: string | null; readonly ipv6: string | null }

/** The middle proxies of a datacenter; media falls back to the plain one. Empty for a datacenter that has none. */
export const middleProxiesOf = ({ byDc }: MiddleProxies, dc: number, media: boolean): readonly Address[] => {
  const plain = Math.abs(dc)
  return (media ? byDc.get(-plain) : undefined) ?? byDc.get(plain) ?? []
}

/** The 4 or 16 bytes of an IP address. */
export const addressBytes = (host: string): Buffer =>
  isIPv4(host) ? Buffer.from(host.split('.').map(Number)) : ipv6Bytes(host)

/** Addresses that Telegram cannot see: private networks, those of a carrier, link-local ones and this host. */
const hidden = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  hidden.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  hidden.addSubnet(network, bits, 'ipv6')

const textOf = (address: Buffer): string =>
  address.length === 4 ? [...address].join('.') : address.toString('hex').replace(/(.{4})(?!$)/g, '$1:')

/**
 * The address of a socket as Telegram sees it: its own one, which may be one of several public ones of this host, or behind
 * NAT `ours`, where it is known.
 */
export const seenAddress = (local: Buffer, ours: OurAddress): Buffer => {
  const known = local.length === 4 ? ours.ipv4 : ours.ipv6
  const isHidden = hidden.check(textOf(local), local.length === 4 ? 'ipv4' : 'ipv6')
  return known !== null && isHidden ? addressBytes(known) : local
}
