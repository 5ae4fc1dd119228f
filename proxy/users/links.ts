import type { Mode } from '../events/contract.ts'
import type { User } from './user.ts'

export type Link = { readonly user: string; readonly mode: Mode; readonly tg: string; readonly web: string }

/** The secret as a link has it: plain hex for `classic`, with `dd` for `secure`, with `ee` and the domain for `tls`. */
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
