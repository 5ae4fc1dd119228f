import { setTimeout as delay } from 'node:timers/promises'
import type { Incoming } from '../../proxy/kafka/consumer.ts'
import { type Outgoing, type Producer, TooLarge } from '../../proxy/kafka/producer.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { DeadLetterReason } from '../fold/fold.ts'

/** What is kept of one letter, and of those sent together: below the 1 MB that a broker takes by default. */
const [letterBytes, sendBytes] = [128 * 1024, 512 * 1024]
const tellMs = 10_000

/** So long the events wait for a dead-letter topic that takes nothing. */
const patienceMs = 60_000

/** Messages that cannot be read, until they are kept aside with where they came from and why. */
export const openDeadLetters = (
  topic: string,
  { send }: Pick<Producer, 'send'>,
  logger: Logger,
  patience: number = patienceMs,
): {
  add(partition: number, message: Incoming, reason: DeadLetterReason): Promise<void>
  /** To be called before the offset moves on. */
  flush(): Promise<void>
} => {
  let waiting: Outgoing[] = []
  let bytes = 0
  /** What is under way, and whether it takes too long: then it is not waited for, and letters are let go. */
  let sending: Promise<void> = Promise.resolve()
  let isStuck = false
  let reportedAt = Number.NEGATIVE_INFINITY

  const report = (partition: number, { offset, unreadable }: Incoming, reason: DeadLetterReason): void => {
    if (performance.now() - reportedAt < tellMs) return
    reportedAt = performance.now()
    const where = { partition, offset: unreadable?.first ?? offset, reason }
    logger('warn', 'message-unreadable', {
      ...where,
      ...(unreadable === undefined ? {} : { last: offset, why: unreadable.why, codec: unreadable.codec }),
      hint: 'it is in the dead-letter topic; further ones are told every 10 s at most',
    })
  }

  /** Without their values, where a broker takes less than by default: they are still in the topic. */
  const sendAll = async (letters: readonly Outgoing[]): Promise<void> => {
    try {
      await send(0, letters)
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error
      const short = letters.map((letter) => ({ ...letter, value: '' }))
      for (const letter of short) await send(0, [letter])
    }
  }

  const flush = async (): Promise<void> => {
    const letters = waiting
    waiting = []
    bytes = 0
    if (isStuck) return
    if (letters.length > 0) sending = sending.then(() => sendAll(letters))
    const under = sending
    const late = new AbortController()
    const isLate = delay(patience, true, { signal: late.signal, ref: false }).catch(() => false)
    isStuck = (await Promise.race([under.then(() => false), isLate])) || isStuck
    late.abort()
    if (!isStuck) return
    logger('error', 'dead-letters-refused', {
      letters: letters.length,
      hint: 'look at the dead-letter topic; events go on',
    })
    const over = (): void => {
      isStuck = false
      sending = Promise.resolve()
    }
    under.then(over, over)
  }

  return {
    flush,
    add: async (partition, message, reason) => {
      report(partition, message, reason)
      const { offset, key, value, unreadable } = message
      const headers = {
        topic,
        partition: String(partition),
        offset: String(unreadable?.first ?? offset),
        reason,
        ...(unreadable === undefined
          ? {}
          : { 'last-offset': String(offset), why: unreadable.why, codec: unreadable.codec }),
        ...((value?.length ?? 0) > letterBytes ? { 'cut-from-bytes': String(value?.length) } : {}),
      }
      const kept = value?.subarray(0, letterBytes) ?? ''
      waiting.push({ key: key === null ? null : String(key.subarray(0, 1_024)), value: kept, headers })
      bytes += kept.length
      if (bytes > sendBytes || waiting.length > 1_000) await flush()
    },
  }
}
