import type { RedisClient } from '../../proxy/redis/connect.ts'
import { type Counts, type Delta, nothingGone } from '../fold/delta.ts'
import { endOf } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'
import { createMemoryState, type Reading, type State } from '../fold/state.ts'
import { isShortOf, type Meta, type Part, type Reach, readChanged, readMeta } from './redis-read.ts'
import { bucketName, nameParts } from './redis-text.ts'

/**
 * A copy of what all partitions were folded into, merged: what is read of a whole fleet. Its counters never fall because
 * Redis lost its tail: a partition stays as it was until it is folded as far again.
 */
export type Mirror = {
  /** As of the last refresh. */
  readonly state: Reading & Pick<State, 'snapshot' | 'latest'>
  /** Reads what changed since the last time. Throws what Redis says; the copy stays as it was, and is tried again. */
  refresh(now: number): Promise<void>
  /** Of each partition that was ever taken, as Redis has it: of one that was set back, where it stands now. */
  readonly metas: ReadonlyMap<number, Meta>
  /** How often a partition that was known had another state, an older one, or none. */
  readonly replaced: number
}

type Copy = {
  meta: Meta
  /** How far it may be: it is read key by key while others write. */
  reach: Reach
  readonly counts: Map<string, Counts>
  readonly observations: Map<'recent' | 'lasting', Extract<Part, { observations: unknown }>['observations']>
  emitters: Map<string, Standing>
}

const emptyDelta = (): Delta => ({
  counts: new Map(),
  recent: new Map(),
  lasting: new Map(),
  since: Infinity,
  gone: nothingGone(),
})

/** So long another life may fold before an end of the log that lies below the old one counts: the end is told with a delay. */
const newLifeMs = 30_000

/** What must be added to `before` so that it is `after`. */
const changeOf = (before: Counts | undefined, after: Counts): Counts => {
  const change: Counts = new Map()
  for (const [key, n] of after) {
    const more = n - (before?.get(key) ?? 0)
    if (more !== 0) change.set(key, more)
  }
  for (const [key, n] of before ?? []) if (!after.has(key)) change.set(key, -n)
  return change
}

/**
 * Keeps a copy of the state in Redis, so that whoever reads it (status, metrics, alert rules) reads memory. Only what
 * changed is read: each change of a partition has a number, and each of its keys stands at the number of its last change.
 */
export const openMirror = (options: {
  readonly redis: RedisClient
  readonly prefix: string
  readonly partitions: () => number
  /** How many messages of a partition there are from an offset on; null while nobody knows. */
  readonly waiting: (partition: number, offset: number) => number | null
  /** Ms, of a clock that is never set: how long ago a node told something is measured by it. */
  readonly steady?: () => number
}): Mirror => {
  const { redis, prefix, waiting, steady } = options
  const copies = new Map<number, Copy>()
  const metas = new Map<number, Meta>()
  /** When a partition was first seen to be behind its copy, or in another life. */
  const heldSince = new Map<number, number>()
  const merged: State = createMemoryState(undefined, steady)
  let replaced = 0

  const isElsewhere = (copy: Copy, has: (other: Copy) => boolean): boolean => {
    for (const other of copies.values()) if (other.meta !== copy.meta && has(other)) return true
    return false
  }

  const takeOver = (copy: Copy, part: Part, into: Delta): void => {
    if (part.kind === 'counts') {
      const parts = nameParts(part.name)
      if (parts === null) return
      const buckets = into.counts.get(parts.span) ?? new Map()
      into.counts.set(parts.span, buckets)
      buckets.set(parts.bucket, changeOf(copy.counts.get(part.name), part.counts))
      copy.counts.set(part.name, part.counts)
    } else if (part.kind === 'emitters') {
      for (const emitter of copy.emitters.keys()) {
        if (part.emitters.has(emitter)) continue
        copy.counts.delete(bucketName('boot', emitter))
        if (!isElsewhere(copy, ({ emitters }) => emitters.has(emitter))) into.gone.emitters.add(emitter)
      }
      copy.emitters = part.emitters
    } else {
      if (part.kind === 'recent') {
        for (const key of copy.observations.get('recent')?.keys() ?? []) {
          if (part.observations.has(key)) continue
          if (!isElsewhere(copy, ({ observations }) => observations.get('recent')?.has(key) === true))
            into.gone.recent.add(key)
        }
      }
      copy.observations.set(part.kind, part.observations)
      for (const [key, observation] of part.observations) into[part.kind].set(key, observation)
    }
  }

  const add = (copy: Copy, delta: Delta): void => {
    delta.since = copy.meta.since
    merged.merge(delta, copy.emitters)
  }

  /** A saying from a clock that was ahead is dated earlier by the owner of the partition, and is not the newest any more. */
  const isHealed = (copy: Copy | undefined, part: Part): boolean =>
    'observations' in part &&
    [...part.observations].some(
      ([key, { at }]) => at < (copy?.observations.get(part.kind)?.get(key)?.at ?? at),
    )

  /** Something in the sum is wrong: it is made again of what is right. */
  const sumAgain = (): void => {
    merged.clear()
    for (const copy of copies.values()) {
      const delta = emptyDelta()
      for (const [name, counts] of copy.counts)
        takeOver({ ...copy, counts: new Map() }, { kind: 'counts', name, counts }, delta)
      for (const [kind, observations] of copy.observations)
        for (const [key, observation] of observations) delta[kind].set(key, observation)
      add(copy, delta)
    }
  }

  /**
   * Whether what Redis has is behind the copy: it lost its tail, was emptied, or the state is being rebuilt, and the same
   * messages are folded again. In another life the log may have fewer of them, and then its end is far enough.
   */
  const isBehind = (partition: number, { meta: was, reach }: Copy, is: Meta | null, now: number): boolean => {
    const isOther = is?.life !== was.life
    if (!isOther && !isShortOf(is, reach)) return false
    const since = heldSince.get(partition)
    if (since === undefined) replaced++
    heldSince.set(partition, since ?? now)
    const isWhole = isOther && now - (since ?? now) > newLifeMs && waiting(partition, is?.offset ?? 0) === 0
    return is === null || (isShortOf(is, reach) && !isWhole)
  }

  const refreshOne = async (partition: number, now: number): Promise<void> => {
    const meta = await readMeta(redis, prefix, partition)
    const known = copies.get(partition)
    if (meta === null) metas.delete(partition)
    if (known !== undefined && isBehind(partition, known, meta, now)) {
      if (meta !== null) metas.set(partition, meta)
      return
    }
    if (meta === null) return
    const sameLife = known?.meta.life === meta.life
    // Another owner may have begun before where this copy is: each key may be another one than it was at its version.
    const goesOn = sameLife && known?.meta.owner === meta.owner && known.meta.version <= meta.version
    if (goesOn && known?.meta.version === meta.version) return
    const parts = await readChanged(redis, prefix, partition, goesOn && known ? known.meta.version : 0)
    const after = await readMeta(redis, prefix, partition)
    // It was set back while it was read: the next time.
    if (after?.life !== meta.life || after.owner !== meta.owner || after.version < meta.version) return
    // Now, and not before reading: nobody shall see the sum without this partition.
    if (!sameLife) {
      copies.delete(partition)
      sumAgain()
    }
    const empty = { counts: new Map(), observations: new Map(), emitters: new Map() }
    const copy: Copy = { ...(sameLife && known ? known : empty), meta, reach: after }
    copies.set(partition, copy)
    heldSince.delete(partition)
    metas.set(partition, meta)
    const delta = emptyDelta()
    const healed = parts.some((part) => isHealed(known, part))
    for (const part of parts) takeOver(copy, part, delta)
    add(copy, delta)
    if (healed) sumAgain()
  }

  const forget = (now: number): void => {
    merged.expire(now)
    for (const copy of copies.values()) {
      for (const name of copy.counts.keys()) {
        const parts = nameParts(name)
        if (parts === null || parts.span === 'boot') continue
        const ends = endOf(parts.span, parts.bucket, 0)
        if (ends !== null && ends <= now) copy.counts.delete(name)
      }
    }
  }

  let expiredAt = 0
  return {
    state: merged,
    metas,
    get replaced() {
      return replaced
    },
    refresh: async (now) => {
      const count = options.partitions()
      await Promise.all(Array.from({ length: count }, (_, partition) => refreshOne(partition, now)))
      if (Math.abs(now - expiredAt) < 60_000) return
      expiredAt = now
      forget(now)
    },
  }
}
