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

/** The state of one partition of the events, which this collector alone may write. */
export type Hold = {
  readonly partition: number
  /** The offset of the next message to fold. */
  readonly offset: number
  /** The ids of the log that it was folded from; '' where none are kept. */
  readonly log: TopicId
  /** How many parts of that message are written; above 0 only where it was too long for one call. */
  readonly part: number
  /** Keys and arguments that the next `commit` takes. */
  readonly cost: number
  /** Folds a batch; nothing is written yet. */
  fold(batch: Batch, dating?: Dating): Folded
  /** Counts something beside the facts, for ever and in the running tick. */
  count(key: string, at: number): void
  /**
   * Writes everything folded since the last time, and that the partition goes on at `offset`, in one stroke; `end` is
   * where its log ends. With a `part`, only so many parts of the message at `offset` are folded. `stale`: somebody else holds the partition, or Redis has an older state (it lost its tail): take
   * it again. Throws what Redis or the connection says; then nothing or all was written, and it may be tried again.
   */
  commit(offset: number, end: number, part?: number): Promise<'advanced' | 'stale'>
  /** Keeps the ids of the log; with an offset, it is another log, and goes on there. `stale` as with `commit`. */
  adopt(log: TopicId, offset?: number): Promise<'done' | 'stale'>
  /** Whether Redis still has it as ours and as far as we brought it. */
  standing(): Promise<'ours' | 'stale'>
  /** Forgets what is too old at `now` (epoch ms), and what a clock that was ahead has left; Redis' own clock is asked, too. */
  expire(now: number): Promise<'done' | 'stale'>
}

/** A time further ahead than this comes from a clock that was wrong, when older versions folded it; so does such a bucket. */
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

/** The last moment of a Date, whose month has no end: Redis refuses to keep a key for longer than it can count. */
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
  // Not spread: there may be more sayings than a call takes arguments.
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

/** Makes this collector the one that writes a partition; whoever had it before is refused from now on. */
export const takePartition = async (options: {
  readonly redis: RedisClient
  readonly prefix: string
  readonly partition: number
}): Promise<Hold> => {
  const { redis, prefix, partition } = options
  const owner = randomUUID()
  const keyOf = (name: string): string => partitionKey(prefix, partition, name)
  const base = baseNames.map(keyOf)
  const taken = (await scripts.take(redis, [keyOf('meta'), keyOf('emitters')], [owner, randomUUID()])) as [
    string,
    string[],
    string,
    string,
    string,
  ]
  let offset = Number(taken[0])
  let part = Number(taken[2])
  let log: TopicId = { cluster: taken[3], topic: taken[4] }
  const emitters = new Map<string, Standing>()
  for (let i = 0; i < taken[1].length; i += 2) emitters.set(taken[1][i]!, standingOf(taken[1][i + 1]!))
  let pending = createPending()
  const state = {
    emitters,
    apply: (delta: Delta, emitter: string, standing: Standing | null): void => {
      for (const forgotten of delta.gone.emitters) emitters.delete(forgotten)
      if (standing !== null) emitters.set(emitter, standing)
      pending.add(delta, emitter, standing)
    },
  }

  return {
    partition,
    get offset() {
      return offset
    },
    get log() {
      return log
    },
    get part() {
      return part
    },
    get cost() {
      return pending.cost
    },
    fold: (batch, dating) => fold(state, batch, dating),
    count: (key, at) => pending.add(counted(key, at)),
    standing: async () => {
      const [is, stands, parts] = await redis.hmget(keyOf('meta'), 'owner', 'offset', 'part')
      const isAsFar = Number(stands) > offset || (Number(stands) === offset && Number(parts ?? 0) >= part)
      return is === owner && isAsFar ? 'ours' : 'stale'
    },
    commit: async (to, end, toPart = 0) => {
      const { names, args } = written(pending)
      const since = Number.isFinite(pending.since) ? pending.since : ''
      const first = [owner, offset, to, end, pending.latest, since, mostSamples, part, toPart]
      const done = await scripts.fold(redis, [...base, ...names.map(keyOf)], [...first, ...args])
      if (done !== 1) return 'stale'
      offset = to
      part = toPart
      pending = createPending()
      return 'advanced'
    },
    adopt: async (to, at) => {
      const done = await scripts.adopt(redis, [keyOf('meta')], [owner, to.cluster, to.topic, at ?? ''])
      if (done !== 1) return 'stale'
      log = to
      if (at !== undefined) [offset, part] = [at, 0]
      return 'done'
    },
    expire: async (now) => {
      // Where an ACL forbids it, ours has to do.
      const theirs = await redis.time().then(
        ([seconds]) => Number(seconds) * 1000,
        () => now,
      )
      // Only what both clocks say: neither takes anything away because it is wrong alone.
      const early = Math.min(now, theirs)
      const present = Math.max(now, theirs)
      const latest = present + aheadMs
      const known = await redis.zrangebyscore(keyOf('dirty'), '-inf', '+inf')
      const ahead = known.filter((name) => {
        const parts = nameParts(name)
        return parts !== null && isAhead(parts.span, parts.bucket, present + bucketAheadMs)
      })
      const gone = known.filter((name) => {
        const parts = nameParts(name)
        if (parts === null) return false
        const lastAt = emitters.get(String(parts.bucket))?.at ?? Number.NEGATIVE_INFINITY
        const ends = endOf(parts.span, parts.bucket, lastAt)
        return ends !== null && ends <= early
      })
      const standing = [...emitters].filter(([, { at }]) => at > latest)
      for (const [emitter] of standing)
        await redis.pexpireat(keyOf(bucketName('boot', emitter)), present + recentMs)
      const done = await scripts.expire(
        redis,
        [...base, ...ahead.map(keyOf)],
        [owner, early - recentMs, early - lastingMs, latest, present, ...gone, ...ahead],
      )
      for (const [emitter, { next, at }] of emitters) {
        if (at < early - recentMs) emitters.delete(emitter)
        else if (at > latest) emitters.set(emitter, { next, at: present })
      }
      return done === 1 ? 'done' : 'stale'
    },
  }
}
