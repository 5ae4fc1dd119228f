import { setTimeout as delay } from 'node:timers/promises'
import type { TopicId } from '../../proxy/kafka/metadata.ts'
import type { TopicLog } from '../../proxy/kafka/topic-log.ts'
import type { ReplacedReason } from '../fold/fold.ts'
import type { Hold } from '../state/redis-hold.ts'

/** Why the log is another one, and the offset before it was adopted. */
export type Replaced = { readonly reason: ReplacedReason; readonly before: number }

/** A new leader may report an earlier end for a moment: it is asked this often, at this interval. */
const [askAgain, askMs] = [3, 1_000]

const differ = (known: string, actual: string): boolean => known !== '' && actual !== '' && known !== actual

/** Whether an id that both have differs. */
export const isOtherLog = (known: TopicId, actual: TopicId): boolean =>
  differ(known.cluster, actual.cluster) || differ(known.topic, actual.topic)

/** The end of the log if it lies before the offset; else null. */
const earlierEnd = async (hold: Hold, log: TopicLog): Promise<number | null> => {
  for (let tries = 1; ; tries++) {
    const end = await log.endOf(hold.partition)
    if (end >= hold.offset) return null
    if (tries === askAgain) return end
    await delay(askMs)
  }
}

/**
 * Compares the log that a partition was folded from with the present one. For another log it moves the offset: to the
 * beginning, or to the end of a log that lost its tail; events that are in both still count once, by their seq. Null when it
 * is the same log. Throws errors of Kafka and Redis.
 */
export const adoptLog = async (hold: Hold, log: TopicLog): Promise<Replaced | null> => {
  const [id, { log: known, offset: before }] = [await log.id(), hold]
  const isKnown = known.cluster !== '' || known.topic !== ''
  const adopt = async (reason: ReplacedReason, at: number) => {
    if ((await hold.adopt(id, at)) === 'stale') throw new Error('another collector has taken the partition')
    return { reason, before }
  }
  if (isOtherLog(known, id)) return adopt(differ(known.cluster, id.cluster) ? 'cluster' : 'topic', 0)
  const end = await earlierEnd(hold, log)
  // A state without ids comes from an older collector, and so from an earlier topic.
  if (end !== null) return isKnown ? adopt('truncated', end) : adopt('topic', 0)
  if (!isKnown) await hold.adopt(id)
  return null
}
