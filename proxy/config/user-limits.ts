import { readNetwork } from '../networks/network.ts'
import type { UserLimits } from '../users/limits.ts'
import { anyOf, bytes, either, mistaken, type Parse, parsed, whole } from './parse.ts'
import { modes } from './setting-parsers.ts'

type LimitSetting<T> = {
  /** `MAX_IPS` is `USER<n>_MAX_IPS`, and `USER_MAX_IPS` for all users that have no own one. */
  readonly suffix: string
  readonly parse: Parse<T>
  readonly doc: string
  readonly secret?: true
  /** The setting that holds for users without an own limit, where it is not `USER_` and the suffix. */
  readonly fallback?: 'MODES' | 'AD_TAG'
}

const largest = 2 ** 50
const quota = either('none', bytes(1, largest))
const rate = either('none', bytes(1_024, 2 ** 37))

const wholeDay = /^\d{4}-\d\d-\d\d$/
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/
const dayMs = 86_400_000

/** A day, which is valid to its end, or a moment with its zone; to epoch ms. */
const date: Parse<number> = (text) => {
  const start = wholeDay.test(text) || moment.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse takes 2026-02-31 for a day of March.
  const exists = !wholeDay.test(text) || new Date(start || 0).toISOString().startsWith(text)
  return Number.isNaN(start) || !exists
    ? mistaken('is not a date: write it as 2026-12-31 (to the end of that day, UTC) or 2026-12-31T18:00Z')
    : parsed(wholeDay.test(text) ? start + dayMs : start)
}

/** Networks in CIDR notation, comma-separated; an address alone is a network of one. */
export const networks: Parse<readonly string[]> = (text) => {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  return items.length > 0 && items.every((item) => readNetwork(item) !== null)
    ? parsed(items)
    : mistaken('must be networks as 203.0.113.0/24 or 2001:db8::/32, with commas between, or none')
}

export const adTag: Parse<string> = (text) =>
  /^[0-9a-f]{32}$/i.test(text)
    ? parsed(text.toLowerCase())
    : mistaken('is not an ad tag: write the 32 hex digits that @MTProxybot gave, or none')

/** Each limit of a user: settings, `mtscope users`, the user store and the HTTP API take their names and checks from here. */
export const limitSettings: { readonly [F in keyof UserLimits]: LimitSetting<UserLimits[F]> } = {
  maxConnections: {
    suffix: 'MAX_CONNECTIONS',
    parse: either('none', whole(1, 1_000_000)),
    doc: 'Maximum number of open connections of the user; apps open up to 8 each',
  },
  maxAddresses: {
    suffix: 'MAX_IPS',
    parse: either('none', whole(1, 65_536)),
    doc: 'Maximum number of different client addresses of the user at a time; an IPv6 /64 counts as one',
  },
  quotaDay: { suffix: 'QUOTA_DAY', parse: quota, doc: 'Bytes of the user in both directions per UTC day' },
  quotaMonth: {
    suffix: 'QUOTA_MONTH',
    parse: quota,
    doc: 'Bytes of the user in both directions per UTC month',
  },
  quotaTotal: { suffix: 'QUOTA_TOTAL', parse: quota, doc: 'Bytes of the user in both directions in all' },
  expiresAt: {
    suffix: 'EXPIRES',
    parse: either('none', date),
    doc: 'When the user expires: 2026-12-31 (to the end of that day, UTC) or 2026-12-31T18:00Z',
  },
  rateUp: {
    suffix: 'RATE_UP',
    parse: rate,
    doc: 'Bytes per second from all clients of the user together',
  },
  rateDown: {
    suffix: 'RATE_DOWN',
    parse: rate,
    doc: 'Bytes per second to all clients of the user together',
  },
  modes: {
    suffix: 'MODES',
    parse: either('none', anyOf(modes)),
    doc: 'Modes of MODES that the user may use; none restricts nothing',
    fallback: 'MODES',
  },
  networks: {
    suffix: 'NETWORKS',
    parse: either('none', networks),
    doc: 'Networks from which the user may connect, as 203.0.113.0/24,2001:db8::/32',
  },
  adTag: {
    suffix: 'AD_TAG',
    parse: either('none', adTag),
    doc: 'Tag for advertising of the user’s connections, 32 hex digits',
    secret: true,
    fallback: 'AD_TAG',
  },
}

export const limitNames = Object.keys(limitSettings) as (keyof UserLimits)[]

/** `MAX_IPS` → `maxAddresses`; null: no limit has this suffix. */
export const limitOf = (suffix: string): keyof UserLimits | null =>
  limitNames.find((name) => limitSettings[name].suffix === suffix) ?? null
