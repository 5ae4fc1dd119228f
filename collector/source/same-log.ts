import { setTimeout as delay } from 'node:timers/promises'
import type { TopicId } from '../../proxy/kafka/metadata.ts'
import type { TopicLog } from '../../proxy/kafka/topic-log.ts'
import type { ReplacedReason } from '../fold/fold.ts'
import type { Hold } from '../state/redis-hold.ts'

export type Replaced = { readonly why: ReplacedReason; readonly before: number }

/** A leader that was just chosen may say for a moment that its log ends earlier. */
const [askAgain, askMs] = [3, 1_000]

const differ = (known: string, is: string): boolean => known !== '' && is !== '' && known !== is

/** Whether ids that are known of both are not the same. */
export const isOtherLog = (known: TopicId, is: TopicId): boolean =>
  differ(known.cluster, is.cluster) || differ(known.topic, is.topic)

const endIsBefore = async (hold: Hold, log: TopicLog): Promise<number | null> => {
  for (let tries = 1; ; tries++) {
    const end = await log.endOf(hold.partition)
    if (end >= hold.offset) return null
    if (tries === askAgain) return end
    await delay(askMs)
  }
}

/**
 * Compares the log that a partition was folded from with the one that is there, and moves its offset where it is another one:
 * to the beginning, or to the end of one that lost its tail. Events of both are counted once, by their seq. Why and where the
 * offset stood, or null when it is the same log. Throws what Kafka or Redis says.
 */
export const adoptLog = async (hold: Hold, log: TopicLog): Promise<Replaced | null> => {
  const [id, { log: known, offset: before }] = [await log.id(), hold]
  const isKnown = known.cluster !== '' || known.topic !== ''
  const adopt = async (why: ReplacedReason, at: number) => {
    if ((await hold.adopt(id, at)) === 'stale') throw new Error('taken by another collector')
    return { why, before }
  }
  if (isOtherLog(known, id)) return adopt(differ(known.cluster, id.cluster) ? 'cluster' : 'topic', 0)
  const end = await endIsBefore(hold, log)
  // A state without ids is of an older collector, and of an earlier topic.
  if (end !== null) return isKnown ? adopt('truncated', end) : adopt('topic', 0)
  if (!isKnown) await hold.adopt(id)
  return null
}
