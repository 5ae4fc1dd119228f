import { networkInterfaces } from 'node:os'
import type { User } from './config.ts'
import type { Mode } from './events/contract.ts'

export type Link = { readonly user: string; readonly mode: Mode; readonly tg: string; readonly web: string }

/** What a client is given: plain hex, `dd` for padded, `ee` and the domain for fake TLS. */
const secretText = (mode: Mode, user: User, tlsDomain: string): string => {
  const hex = user.secret.hex()
  if (mode === 'classic') return hex
  return mode === 'secure' ? `dd${hex}` : `ee${hex}${Buffer.from(tlsDomain).toString('hex')}`
}

/** The links that open Telegram with this proxy, for each user and mode. */
export const linksOf = (
  users: readonly User[],
  modes: readonly Mode[],
  place: { readonly server: string; readonly port: number; readonly tlsDomain: string },
): readonly Link[] =>
  users.flatMap((user) =>
    modes.map((mode) => {
      const secret = secretText(mode, user, place.tlsDomain)
      const query = new URLSearchParams({ server: place.server, port: String(place.port), secret })
      return { user: user.name, mode, tg: `tg://proxy?${query}`, web: `https://t.me/proxy?${query}` }
    }),
  )

type Interfaces = ReturnType<typeof networkInterfaces>

const privateRange =
  /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[789]\d|1[01]\d|12[0-7])\.)/
const localRange = /^(?:::1$|fe[89ab]|f[cd])/i

/** How far an address reaches: 0 the whole IPv4 internet, 1 the IPv6 one, 2 the local network. */
const reach = (address: string): number => {
  if (address.includes(':')) return localRange.test(address) ? 3 : 1
  return privateRange.test(address) ? 2 : 0
}

/** The address of this host that clients reach most likely; `127.0.0.1` when it has none. */
export const likelyAddress = (interfaces: Interfaces = networkInterfaces()): string => {
  const outer = Object.values(interfaces).flatMap((all) => (all ?? []).filter((entry) => !entry.internal))
  const usable = outer.map(({ address }) => address).filter((address) => reach(address) < 3)
  return usable.sort((a, b) => reach(a) - reach(b))[0] ?? '127.0.0.1'
}
