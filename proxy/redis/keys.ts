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
