import { duration } from './parse.ts'
import type { Setting } from './setting.ts'
import { limitSettings } from './user-limits.ts'

const { maxConnections, maxAddresses, quotaDay, quotaMonth, quotaTotal } = limitSettings
const { expiresAt, rateUp, rateDown, networks } = limitSettings

const forAll = (doc: string): string => `${doc}; none sets no limit; for users that have no own one`
const limit = <T>({ parse, doc }: { parse: Setting<T>['parse']; doc: string }) =>
  ({ parse, fallback: 'none', doc: forAll(doc), shown: 'everywhere' }) as const

/** Limits of every user that has no own one. MODES and AD_TAG are the other two. */
export const userSettings = {
  USER_MAX_CONNECTIONS: limit(maxConnections),
  USER_MAX_IPS: limit(maxAddresses),
  USER_IPS_WINDOW: {
    parse: duration(60, 30 * 86_400),
    fallback: '600',
    doc: 'How long a client address counts for MAX_IPS after its last connection, seconds',
    shown: 'everywhere',
  },
  USER_QUOTA_DAY: limit(quotaDay),
  USER_QUOTA_MONTH: limit(quotaMonth),
  USER_QUOTA_TOTAL: limit(quotaTotal),
  USER_EXPIRES: limit(expiresAt),
  USER_RATE_UP: limit(rateUp),
  USER_RATE_DOWN: limit(rateDown),
  // Not everywhere: networks of people.
  USER_NETWORKS: { ...limit(networks), shown: 'here' },
  USER_DRAIN_SECONDS: {
    parse: duration(0, 86_400),
    fallback: '10',
    doc: 'How long open connections of a user go on after it was removed, disabled or got another secret, seconds; 0 ends them immediately',
    shown: 'everywhere',
  },
} as const
