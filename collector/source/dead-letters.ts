import { setTimeout as delay } from 'node:timers/promises'
import type { Incoming } from '../../proxy/kafka/consumer.ts'
import { type Outgoing, type Producer, TooLarge } from '../../proxy/kafka/producer.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { DeadLetterReason } from '../fold/fold.ts'

/** Most bytes kept of one letter, and sent in one request: below the 1 MB that a broker accepts by default. */
const [letterBytes, sendBytes] = [128 * 1024, 512 * 1024]
const logMs = 10_000

/** How long events wait for a dead-letter topic that accepts nothing. */
const patienceMs = 60_000

/** Keeps unreadable messages in the dead-letter topic, with their origin and the reason. */
export type DeadLetters = {
  add(partition: number, message: Incoming, reason: DeadLetterReason): Promise<void>
  /** Sends the added letters; to be called before the offset moves on. Drops them while the topic accepts nothing. */
  flush(): Promise<void>
}

/** Headers of a letter. They are part of the contract of the dead-letter topic. */
const headersOf = (
  topic: string,
  partition: number,
  { offset, value, unreadable }: Incoming,
  reason: DeadLetterReason,
): Record<string, string> => ({
  topic,
  partition: String(partition),
  offset: String(unreadable?.first ?? offset),
  reason,
  ...(unreadable === undefined
    ? {}
    : { 'last-offset': String(offset), why: unreadable.why, codec: unreadable.codec }),
  ...((value?.length ?? 0) > letterBytes ? { 'cut-from-bytes': String(value?.length) } : {}),
})

/** Logs an unreadable message, at most every 10 seconds. */
const reporter = (logger: Logger) => {
  let loggedAt = Number.NEGATIVE_INFINITY
  return (partition: number, { offset, unreadable }: Incoming, reason: DeadLetterReason): void => {
    if (performance.now() - loggedAt < logMs) return
    loggedAt = performance.now()
    logger('warn', 'message-unreadable', {
      partition,
      offset: unreadable?.first ?? offset,
      reason,
      ...(unreadable === undefined ? {} : { last: offset, cause: unreadable.why, codec: unreadable.codec }),
      hint: 'read it in the dead-letter topic; this line comes every 10 s at most',
    })
  }
}

export const openDeadLetters = (
  topic: string,
  { send }: Pick<Producer, 'send'>,
  logger: Logger,
  patience: number = patienceMs,
): DeadLetters => {
  const report = reporter(logger)
  let waiting: Outgoing[] = []
  let bytes = 0
  let sending: Promise<void> = Promise.resolve()
  /** Sending takes too long: until it ends, `flush` does not wait for it and drops letters. */
  let isStuck = false

  /** Sends letters one by one and without their values where the broker's limit is lower: the event topic still has them. */
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
    const running = sending
    const late = new AbortController()
    const isLate = delay(patience, true, { signal: late.signal, ref: false }).catch(() => false)
    isStuck = (await Promise.race([running.then(() => false), isLate])) || isStuck
    late.abort()
    if (!isStuck) return
    logger('error', 'dead-letters-refused', {
      letters: letters.length,
      hint: 'check the dead-letter topic; events are folded without it',
    })
    const over = (): void => {
      isStuck = false
      sending = Promise.resolve()
    }
    running.then(over, over)
  }

  return {
    flush,
    add: async (partition, message, reason) => {
      report(partition, message, reason)
      const { key, value } = message
      const kept = value?.subarray(0, letterBytes) ?? ''
      waiting.push({
        key: key === null ? null : String(key.subarray(0, 1_024)),
        value: kept,
        headers: headersOf(topic, partition, message, reason),
      })
      bytes += kept.length
      if (bytes > sendBytes || waiting.length > 1_000) await flush()
    },
  }
}
