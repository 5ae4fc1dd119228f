/**
 * Every key begins with the prefix. Keys that one script changes have the same hash tag (the part in braces), so that they
 * are on one node of a Redis Cluster. redis/README.md lists all keys.
 */

/** A seen handshake; `digest` in hex. No hash tag: a cluster spreads them. */
export const replayKey = (prefix: string, digest: string): string => `${prefix}:replay:${digest}`

/** A key of the state of one partition of the events. */
export const partitionKey = (prefix: string, partition: number, name: string): string =>
  `${prefix}:{${prefix}.${partition}}:${name}`

/** A key of the alerts, which one collector at a time decides. */
export const alertKey = (prefix: string, name: string): string => `${prefix}:{${prefix}.alerts}:${name}`

/** A key of a user with limits. A name has neither braces nor colons. */
export const userKey = (prefix: string, user: string, name: string): string =>
  `${prefix}:{${prefix}.user.${user}}:${name}`

/** Names of the counts of a user's bytes in the state, in front of a slash and the name of the user. */
export const userBytes = { toClient: 'user.to-client', toDatacenter: 'user.to-datacenter' } as const
