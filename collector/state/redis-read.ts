import type { RedisClient } from '../../proxy/redis/connect.ts'
import { partitionKey } from '../../proxy/redis/keys.ts'
import type { Counts, Observation } from '../fold/delta.ts'
import { type Aggregates, emptyAggregates, type Standing } from '../fold/snapshot.ts'
import { nameParts, observationOf, standingOf } from './redis-text.ts'

/** The metadata of a partition's state. */
export type Meta = {
  /** The id of this state; another one after Redis was emptied, or the state rebuilt. */
  readonly life: string
  /** The id of the collector's take; another one after each take-over. */
  readonly owner: string
  /** Grows with every change. */
  readonly version: number
  /** How often the topic was replaced by another one. */
  readonly origin: number
  /** The next offset to fold, how many parts of its message are in, and the end of the log at that commit. */
  readonly offset: number
  readonly part: number
  readonly end: number
  /** Epoch ms of the latest event. */
  readonly foldedAt: number
  /** Epoch ms of the earliest event; Infinity without one. */
  readonly since: number
  /** Amounts that were not counted: a full bucket, or a sum beyond 64 bits. */
  readonly refused: number
}

const fields = [
  'life',
  'owner',
  'version',
  'origin',
  'offset',
  'part',
  'end',
  'foldedAt',
  'since',
  'refused',
] as const

/** The position up to which a state is folded. */
export type Reach = Pick<Meta, 'origin' | 'offset' | 'part'>

export const isShortOf = (a: Reach, b: Reach): boolean =>
  a.origin !== b.origin ? a.origin < b.origin : a.offset !== b.offset ? a.offset < b.offset : a.part < b.part

/** Null for a partition that no collector has taken. */
export const readMeta = async (
  redis: RedisClient,
  prefix: string,
  partition: number,
): Promise<Meta | null> => {
  const read = await redis.hmget(partitionKey(prefix, partition, 'meta'), ...fields)
  const [life, owner, version, origin, offset, part, end, foldedAt, since, refused] = read
  if (typeof life !== 'string') return null
  return {
    life,
    owner: owner ?? '',
    version: Number(version),
    origin: Number(origin ?? 0),
    offset: Number(offset),
    part: Number(part ?? 0),
    end: Number(end ?? offset),
    foldedAt: Number(foldedAt ?? 0),
    since: since === null || since === undefined ? Infinity : Number(since),
    refused: Number(refused ?? 0),
  }
}

/** One key of a partition: a bucket of counts, the samples, or the emitters. */
export type Part =
  | { readonly kind: 'counts'; readonly name: string; readonly counts: Counts }
  | { readonly kind: 'recent' | 'lasting'; readonly observations: Map<string, Observation> }
  | { readonly kind: 'emitters'; readonly emitters: Map<string, Standing> }

const mapped = <V>(hash: Record<string, string>, of: (text: string) => V): Map<string, V> =>
  new Map(Object.entries(hash).map(([key, text]) => [key, of(text)]))

/** Every part that changed after `version`; all parts after 0. */
export const readChanged = async (
  redis: RedisClient,
  prefix: string,
  partition: number,
  version: number,
): Promise<Part[]> => {
  const names = await redis.zrangebyscore(partitionKey(prefix, partition, 'dirty'), `(${version}`, '+inf')
  return Promise.all(
    names.map(async (name): Promise<Part> => {
      const hash = await redis.hgetall(partitionKey(prefix, partition, name))
      if (name === 'recent' || name === 'lasting')
        return { kind: name, observations: mapped(hash, observationOf) }
      if (name === 'emitters') return { kind: name, emitters: mapped(hash, standingOf) }
      return { kind: 'counts', name, counts: mapped(hash, Number) }
    }),
  )
}

/** The whole state of a partition; null before its first take. Not atomic: compare `version` before and after. */
export const readPartition = async (
  redis: RedisClient,
  prefix: string,
  partition: number,
): Promise<{ readonly meta: Meta; readonly aggregates: Aggregates } | null> => {
  const meta = await readMeta(redis, prefix, partition)
  if (meta === null) return null
  const aggregates = emptyAggregates()
  for (const part of await readChanged(redis, prefix, partition, 0)) {
    if (part.kind === 'emitters') for (const [name, at] of part.emitters) aggregates.emitters.set(name, at)
    else if (part.kind !== 'counts') {
      for (const [key, observation] of part.observations) aggregates[part.kind].set(key, observation)
    } else {
      const parts = nameParts(part.name)
      if (parts !== null) aggregates.counts.get(parts.span)?.set(parts.bucket, part.counts)
    }
  }
  return { meta, aggregates: { ...aggregates, since: meta.since } }
}
