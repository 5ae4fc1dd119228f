import type { Metric } from './metric.ts'

/** Metrics of the users of a node; a part of the catalogue. */
export const userMetrics = {
  users: {
    name: 'mtscope_users',
    kind: 'gauge',
    unit: '1',
    labels: ['state'],
    help: 'Users in force, of settings and user store together, by state: enabled or disabled.',
  },
  userStoreReadable: {
    name: 'mtscope_user_store_readable',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Whether the user store can be read and all of its users are in force (1); 0: the last good ones are.',
  },
  userStoreDamage: {
    name: 'mtscope_user_store_damage_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Reads of the user store that were refused, by reason: a damaged file, a damaged record, a record sealed with another USERS_KEY, a name or secret that another user has.',
  },
} as const satisfies Record<string, Metric>
