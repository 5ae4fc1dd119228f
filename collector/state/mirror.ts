import type { RedisClient } from '../../proxy/redis/connect.ts'
import type { Reading, State } from '../fold/state.ts'
import { type Copy, createCopies, expireCopies, updateCopy } from './copies.ts'
import { isShortOf, type Meta, type Part, type Reach, readChanged, readMeta } from './redis-read.ts'

/**
 * A copy in memory of the state of a whole fleet: the sum of all partitions. When Redis loses its tail, a partition keeps
 * its old copy until it is folded as far again, so that no counter falls (docs/decisions/0054).
 */
export type Mirror = {
  /** As of the last refresh. */
  readonly state: Reading & Pick<State, 'snapshot' | 'latest'>
  /** Reads the changes since the last call. Throws errors of Redis; the copy is then unchanged, and the next call reads them. */
  refresh(now: number): Promise<void>
  /** Of each partition that a collector has taken, as Redis has it now, although the copy may be ahead. */
  readonly metas: ReadonlyMap<number, Meta>
  /** How often Redis has set a known partition back: to an older state, another life, or none. */
  readonly replaced: number
}

type MirrorOptions = {
  readonly redis: RedisClient
  readonly prefix: string
  readonly partitions: () => number
  /** Messages in a partition from an offset on; null while that is unknown. */
  readonly waiting: (partition: number, offset: number) => number | null
  /** Ms, of a clock that is never set: measures how long each emitter is silent. */
  readonly steady?: () => number
}

/** Another life folds at least this long before the end of the log counts as far enough: the known end may be out of date. */
const newLifeMs = 30_000
const expireMs = 60_000

/** Whether Redis has another life of a partition than its copy, or has folded less of it: lost, emptied, or being rebuilt. */
const isSetBack = ({ meta, reach }: Copy, stored: Meta | null): boolean =>
  stored?.life !== meta.life || isShortOf(stored, reach)

/**
 * Whether Redis has a partition as far as its copy, although it was set back. Another life is also far enough at the end of
 * its log, which may have fewer messages; `heldMs` is how long the copy was kept.
 */
const isFarEnough = (copy: Copy, stored: Meta, heldMs: number, waiting: number | null): boolean => {
  if (!isShortOf(stored, copy.reach)) return true
  return stored.life !== copy.meta.life && heldMs > newLifeMs && waiting === 0
}

/** The parts of a partition that changed since `known`; null without a change, or when Redis set it back meanwhile. */
const readNewer = async (
  { redis, prefix }: Pick<MirrorOptions, 'redis' | 'prefix'>,
  partition: number,
  known: Meta | undefined,
  meta: Meta,
): Promise<{ readonly parts: readonly Part[]; readonly reach: Reach } | null> => {
  // Under another owner or life, versions do not compare: everything is read.
  const continues =
    known !== undefined &&
    known.life === meta.life &&
    known.owner === meta.owner &&
    known.version <= meta.version
  if (continues && known.version === meta.version) return null
  const parts = await readChanged(redis, prefix, partition, continues ? known.version : 0)
  const after = await readMeta(redis, prefix, partition)
  if (after?.life !== meta.life || after.owner !== meta.owner || after.version < meta.version) return null
  return { parts, reach: after }
}

/**
 * Keeps a copy of the state in Redis, so that status, metrics and alert rules read memory. A refresh reads only changes:
 * each change of a partition has a number, and each of its keys the number of its last change.
 */
export const openMirror = (options: MirrorOptions): Mirror => {
  const { redis, prefix, partitions, waiting, steady } = options
  const copies = createCopies(steady)
  const metas = new Map<number, Meta>()
  /** Since when a partition is set back, by the `now` of `refresh`. */
  const heldSince = new Map<number, number>()
  let replaced = 0
  let expiredAt = 0

  /** Starts to hold the copy of a partition, unless it is held already; for how many ms it is. */
  const hold = (partition: number, now: number): number => {
    const since = heldSince.get(partition)
    if (since !== undefined) return now - since
    replaced++
    heldSince.set(partition, now)
    return 0
  }

  const refreshOne = async (partition: number, now: number): Promise<void> => {
    const stored = await readMeta(redis, prefix, partition)
    const known = copies.byPartition.get(partition)
    if (stored === null) metas.delete(partition)
    if (known !== undefined && isSetBack(known, stored)) {
      const heldMs = hold(partition, now)
      if (stored !== null && !isFarEnough(known, stored, heldMs, waiting(partition, stored.offset))) {
        metas.set(partition, stored)
        return
      }
    }
    if (stored === null) return
    const read = await readNewer(options, partition, known?.meta, stored)
    if (read === null) return
    updateCopy(copies, partition, stored, read)
    heldSince.delete(partition)
    metas.set(partition, stored)
  }

  return {
    state: copies.sum,
    metas,
    get replaced() {
      return replaced
    },
    refresh: async (now) => {
      await Promise.all(Array.from({ length: partitions() }, (_, partition) => refreshOne(partition, now)))
      if (Math.abs(now - expiredAt) < expireMs) return
      expiredAt = now
      expireCopies(copies, now)
    },
  }
}
