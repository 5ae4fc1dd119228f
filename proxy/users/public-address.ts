import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { download } from '../net/download.ts'

type Interfaces = ReturnType<typeof networkInterfaces>

/** The address in the links, and its source. `local`: no client outside this network reaches it; `why` is the reason. */
export type LinkAddress =
  | { readonly host: string; readonly from: 'setting' | 'interface' | 'echo' }
  | { readonly host: string; readonly from: 'local'; readonly why: string }

const PATIENCE_MS = 3_000
const MOST_BYTES = 4_096

// https://www.iana.org/assignments/iana-ipv4-special-registry, without the networks for documentation, which tests use.
const local = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  local.addSubnet(net, prefix, 'ipv4')
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')

/** Scope of an address: 0 IPv4 internet, 1 IPv6 internet, 2 local network, 3 not usable in a link. */
const reach = (address: string): number => {
  if (isIP(address) === 6) return global.check(address, 'ipv6') ? 1 : 3
  if (isIP(address) === 4) return local.check(address, 'ipv4') ? 2 : 0
  return 3
}

/** Whether the internet routes to this IP address. */
export const isPublic = (address: string): boolean => reach(address) < 2

const byReach = (interfaces: Interfaces): readonly string[] =>
  Object.values(interfaces)
    .flatMap((all) => (all ?? []).filter(({ internal }) => !internal))
    .map(({ address }) => address)
    .filter((address) => reach(address) < 3)
    .sort((a, b) => reach(a) - reach(b))

/** The address in the answer of PUBLIC_HOST_FROM: alone, or as a line `ip=…`. Null if it is not usable in a link. */
export const readEcho = (body: string): string | null => {
  const address = /^ip=(\S+)\s*$/m.exec(body)?.[1] ?? body.trim()
  return isPublic(address) ? address : null
}

/** Asks PUBLIC_HOST_FROM for the address of this host. Throws if the answer has none that a client could use. */
const ask = async (from: string, signal: AbortSignal): Promise<string> => {
  // IPv4, since few clients reach a link with IPv6.
  const body = await download(from, { mostBytes: MOST_BYTES, signal, family: 4 })
  const address = readEcho(body.toString('latin1'))
  if (address === null) throw new Error('returns no public address')
  return address
}

/**
 * Finds the address for the links: PUBLIC_HOST, else a public IPv4 address of this host, else the answer of
 * PUBLIC_HOST_FROM within 3 s, else the own address with the widest scope. Never rejects.
 */
export const findAddress = async (
  {
    publicHost,
    publicHostFrom,
  }: { readonly publicHost: string | null; readonly publicHostFrom: string | null },
  stopping: AbortSignal,
  { interfaces = networkInterfaces(), patienceMs = PATIENCE_MS } = {},
): Promise<LinkAddress> => {
  if (publicHost !== null) return { host: publicHost, from: 'setting' }
  const own = byReach(interfaces)[0] ?? '127.0.0.1'
  if (reach(own) === 0) return { host: own, from: 'interface' }
  let why = 'PUBLIC_HOST_FROM=none'
  if (publicHostFrom !== null) {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(patienceMs)])
    try {
      return { host: await ask(publicHostFrom, signal), from: 'echo' }
    } catch (error) {
      why = `${new URL(publicHostFrom).host} ${error instanceof Error ? error.message : String(error)}`
    }
  }
  return reach(own) === 1 ? { host: own, from: 'interface' } : { host: own, from: 'local', why }
}

/** Null if the links may work; else what is wrong with them, and what to do. */
export const deadLinks = (address: LinkAddress): { states: string; advice: string } | null =>
  address.from === 'local'
    ? {
        states: `the links name ${address.host}, which no client outside this network reaches (${address.why})`,
        advice: 'PUBLIC_HOST=the address or name that clients connect to',
      }
    : null
