import { randomUUID } from 'node:crypto'
import type { Batch } from '../../proxy/events/contract.ts'
import type { TopicId } from '../../proxy/kafka/metadata.ts'
import { type RedisClient, script } from '../../proxy/redis/connect.ts'
import { partitionKey } from '../../proxy/redis/keys.ts'
import type { Dating } from '../fold/dating.ts'
import type { Delta } from '../fold/delta.ts'
import { type Folded, fold } from '../fold/fold.ts'
import { counted } from '../fold/message.ts'
import { endOf, isAhead, lastingMs, mostKeys, mostSamples, recentMs } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'
import { createPending, type Pending } from './pending.ts'
import { bucketName, nameParts, standingOf, standingText } from './redis-text.ts'

/** One partition of the state, which only this collector may write. */
export type Hold = {
  readonly partition: number
  /** The offset of the next message to fold. */
  readonly offset: number
  /** The ids of the cluster and topic that it was folded from; '' where Redis has none. */
  readonly log: TopicId
  /** How many parts of that message are written; above 0 only for a message that is too long for one call. */
  readonly part: number
  /** Keys and arguments of the next `commit`. */
  readonly cost: number
  /** Folds a batch, to be written by the next `commit`. */
  fold(batch: Batch, dating?: Dating): Folded
  /** Adds one under a key that no event counts, to the total and to the tick of `at` (epoch ms). */
  count(key: string, at: number): void
  /**
   * Writes the batches since the last commit and the next offset in one stroke; `end` is the end of the log, `part` the
   * number of folded parts of the message at `offset`. `stale`: another collector holds the partition, or Redis lost its
   * tail: take it again. Throws errors of Redis; then all or nothing was written, and the call may be repeated.
   */
  commit(offset: number, end: number, part?: number): Promise<'advanced' | 'stale'>
  /** Stores the ids of the log; with an `offset`, it is another log, to be folded from there. `stale` as with `commit`. */
  adopt(log: TopicId, offset?: number): Promise<'done' | 'stale'>
  /** Whether Redis still has this owner, and a state at least as far as the last commit. */
  standing(): Promise<'ours' | 'stale'>
  /** Deletes everything past its retention by `now` (epoch ms) and by Redis' clock; corrects times that are ahead of both. */
  expire(now: number): Promise<'done' | 'stale'>
}

/** Times and buckets further ahead than this come from a wrong clock: older versions folded them undated. */
const [aheadMs, bucketAheadMs] = [60_000, 3_600_000]

const scripts = {
  take: script('take'),
  fold: script('fold'),
  expire: script('expire'),
  adopt: script('adopt'),
}

const baseNames = ['meta', 'dirty', 'emitters', 'recent', 'lasting'] as const

const observationsOf = (observations: Pending['recent']): (string | number)[] => {
  const args: (string | number)[] = [observations.size]
  for (const [key, { at, value }] of observations) args.push(key, at, JSON.stringify(value))
  return args
}

/** The last moment of a Date, for a later end or none: Redis refuses an expiry that overflows. */
const lastMs = 8.64e15
const endText = (ends: number | null): number =>
  ends === null ? 0 : Math.min(lastMs, Math.max(1, ends || lastMs))

/** The keys and arguments of `fold.lua` after its first nine. */
const written = (pending: Pending): { readonly names: string[]; readonly args: (string | number)[] } => {
  const names: string[] = []
  const { gone } = pending
  const args: (string | number)[] = [gone.emitters.size]
  for (const emitter of gone.emitters) args.push(emitter, bucketName('boot', emitter))
  args.push(gone.recent.size, ...gone.recent, pending.emitters.size)
  for (const [emitter, standing] of pending.emitters) args.push(emitter, standingText(standing))
  // Not spread: there may be more samples than a call takes arguments.
  for (const arg of observationsOf(pending.recent)) args.push(arg)
  for (const arg of observationsOf(pending.lasting)) args.push(arg)
  for (const [span, buckets] of pending.counts) {
    for (const [bucket, counts] of buckets) {
      const name = bucketName(span, bucket)
      const ends = endOf(span, bucket, pending.emitters.get(String(bucket))?.at ?? pending.latest)
      names.push(name)
      args.push(name, endText(ends), mostKeys[span], counts.size)
      for (const [key, n] of counts) args.push(key, n)
    }
  }
  for (const emitter of gone.emitters) names.push(bucketName('boot', emitter))
  return { names, args }
}

type Held = {
  readonly redis: RedisClient
  readonly keyOf: (name: string) => string
  readonly owner: string
  readonly emitters: Map<string, Standing>
  offset: number
  part: number
  log: TopicId
  pending: ReturnType<typeof createPending>
}

const commit = async (
  held: Held,
  offset: number,
  end: number,
  part: number,
): Promise<'advanced' | 'stale'> => {
  const { redis, keyOf, owner, pending } = held
  const { names, args } = written(pending)
  const since = Number.isFinite(pending.since) ? pending.since : ''
  const first = [owner, held.offset, offset, end, pending.latest, since, mostSamples, held.part, part]
  const done = await scripts.fold(redis, [...baseNames, ...names].map(keyOf), [...first, ...args])
  if (done !== 1) return 'stale'
  held.offset = offset
  held.part = part
  held.pending = createPending()
  return 'advanced'
}

const adopt = async (held: Held, log: TopicId, offset?: number): Promise<'done' | 'stale'> => {
  const { redis, keyOf, owner } = held
  const done = await scripts.adopt(redis, [keyOf('meta')], [owner, log.cluster, log.topic, offset ?? ''])
  if (done !== 1) return 'stale'
  held.log = log
  if (offset !== undefined) [held.offset, held.part] = [offset, 0]
  return 'done'
}

const standing = async ({ redis, keyOf, owner, offset, part }: Held): Promise<'ours' | 'stale'> => {
  const [storedOwner, at, parts] = await redis.hmget(keyOf('meta'), 'owner', 'offset', 'part')
  const isAsFar = Number(at) > offset || (Number(at) === offset && Number(parts ?? 0) >= part)
  return storedOwner === owner && isAsFar ? 'ours' : 'stale'
}

/** Names of buckets that end before `early`, and of buckets that begin too far after `present` (both epoch ms). */
const outdated = (
  names: readonly string[],
  emitters: Held['emitters'],
  early: number,
  present: number,
): { readonly gone: string[]; readonly ahead: string[] } => {
  const [gone, ahead]: [string[], string[]] = [[], []]
  for (const name of names) {
    const parts = nameParts(name)
    if (parts === null) continue
    if (isAhead(parts.span, parts.bucket, present + bucketAheadMs)) ahead.push(name)
    const lastAt = emitters.get(String(parts.bucket))?.at ?? Number.NEGATIVE_INFINITY
    const ends = endOf(parts.span, parts.bucket, lastAt)
    if (ends !== null && ends <= early) gone.push(name)
  }
  return { gone, ahead }
}

const expire = async (held: Held, now: number): Promise<'done' | 'stale'> => {
  const { redis, keyOf, owner, emitters } = held
  // Where an ACL forbids TIME, this host's clock stands for both.
  const redisNow = await redis.time().then(
    ([seconds]) => Number(seconds) * 1000,
    () => now,
  )
  // A clock that is wrong alone deletes nothing: both must agree.
  const early = Math.min(now, redisNow)
  const present = Math.max(now, redisNow)
  const latest = present + aheadMs
  const names = await redis.zrangebyscore(keyOf('dirty'), '-inf', '+inf')
  const { gone, ahead } = outdated(names, emitters, early, present)
  for (const [emitter, { at }] of [...emitters])
    if (at > latest) await redis.pexpireat(keyOf(bucketName('boot', emitter)), present + recentMs)
  const done = await scripts.expire(redis, [...baseNames, ...ahead].map(keyOf), [
    owner,
    early - recentMs,
    early - lastingMs,
    latest,
    present,
    ...gone,
    ...ahead,
  ])
  for (const [emitter, { next, at }] of emitters) {
    if (at < early - recentMs) emitters.delete(emitter)
    else if (at > latest) emitters.set(emitter, { next, at: present })
  }
  return done === 1 ? 'done' : 'stale'
}

const take = async (redis: RedisClient, keyOf: Held['keyOf']): Promise<Held> => {
  const owner = randomUUID()
  const taken = await scripts.take(redis, [keyOf('meta'), keyOf('emitters')], [owner, randomUUID()])
  const [offset, standings, part, cluster, topic] = taken as [string, string[], string, string, string]
  const emitters = new Map<string, Standing>()
  for (let i = 0; i < standings.length; i += 2) emitters.set(standings[i]!, standingOf(standings[i + 1]!))
  return {
    ...{ redis, keyOf, owner, emitters },
    offset: Number(offset),
    part: Number(part),
    log: { cluster, topic },
    pending: createPending(),
  }
}

/** Makes this collector the only one that may write a partition; writes of the previous owner become `stale`. */
export const takePartition = async (options: {
  readonly redis: RedisClient
  readonly prefix: string
  readonly partition: number
}): Promise<Hold> => {
  const { redis, prefix, partition } = options
  const held = await take(redis, (name) => partitionKey(prefix, partition, name))
  const { emitters } = held
  const state = {
    emitters,
    apply: (delta: Delta, emitter: string, moved: Standing | null): void => {
      for (const gone of delta.gone.emitters) emitters.delete(gone)
      if (moved !== null) emitters.set(emitter, moved)
      held.pending.add(delta, emitter, moved)
    },
  }
  return {
    partition,
    get offset() {
      return held.offset
    },
    get log() {
      return held.log
    },
    get part() {
      return held.part
    },
    get cost() {
      return held.pending.cost
    },
    fold: (batch, dating) => fold(state, batch, dating),
    count: (key, at) => held.pending.add(counted(key, at)),
    standing: () => standing(held),
    commit: (offset, end, part = 0) => commit(held, offset, end, part),
    adopt: (log, offset) => adopt(held, log, offset),
    expire: (now) => expire(held, now),
  }
}
