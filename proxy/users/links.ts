import type { Mode } from '../events/contract.ts'
import type { User } from './user.ts'

export type Link = {
  readonly user: string
  readonly mode: Mode
  /** The domain of a link of `tls`; null for the other modes. */
  readonly domain: string | null
  readonly tg: string
  readonly web: string
  /** The secret alone, as an app takes it: in hex, and shorter in base64url. */
  readonly hex: string
  readonly base64url: string
}

/** The secret as a link has it: plain hex for `classic`, with `dd` for `secure`, with `ee` and the domain for `tls`. */
const secretText = (mode: Mode, user: User, domain: string | null): string => {
  const hex = user.secret.hex()
  if (mode === 'classic') return hex
  return mode === 'secure' ? `dd${hex}` : `ee${hex}${Buffer.from(domain ?? '').toString('hex')}`
}

type Place = {
  readonly server: string
  readonly port: number
  /** Of fake TLS: each one has a link. */
  readonly domains: readonly string[]
}

/** The links that open Telegram with this proxy, for each user, mode and domain. */
export const linksOf = (users: readonly User[], modes: readonly Mode[], place: Place): readonly Link[] =>
  users.flatMap((user) =>
    modes.flatMap((mode) =>
      (mode === 'tls' ? place.domains : [null]).map((domain) => {
        const secret = secretText(mode, user, domain)
        const query = new URLSearchParams({ server: place.server, port: String(place.port), secret })
        return {
          user: user.name,
          mode,
          domain,
          tg: `tg://proxy?${query}`,
          web: `https://t.me/proxy?${query}`,
          hex: secret,
          base64url: Buffer.from(secret, 'hex').toString('base64url'),
        }
      }),
    ),
  )
