/**
 * Every key is `<prefix>:…`. What one script changes at once has one hash tag (the part in braces), so that it lies on
 * one node of a Redis Cluster. redis/README.md lists them all.
 */

/** A handshake that was seen; `digest` in hex. Without a tag: a cluster spreads them. */
export const replayKey = (prefix: string, digest: string): string => `${prefix}:replay:${digest}`

/** A key of the state that one partition of the events was folded into. */
export const partitionKey = (prefix: string, partition: number, name: string): string =>
  `${prefix}:{${prefix}.${partition}}:${name}`

/** A key of the alerts, which one collector decides. */
export const alertKey = (prefix: string, name: string): string => `${prefix}:{${prefix}.alerts}:${name}`
