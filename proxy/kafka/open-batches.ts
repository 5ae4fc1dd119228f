import type { Codec } from './codecs.ts'
import { type KafkaRecord, openBatch, type RawBatch, sentAt, type Unreadable } from './records.ts'

export type Incoming = KafkaRecord & {
  /** Present where a batch cannot be read. The message then has the batch's last offset, and no key or value. */
  readonly unreadable?: {
    readonly first: number
    readonly why: Unreadable
    readonly codec: Codec | 'unknown'
  }
}

/** A batch is fetched this often before it counts as unreadable: the network may have damaged it. */
const mostTries = 3
/** Batches are opened together up to this size of their records. */
const togetherBytes = 4 * 2 ** 20

/** `next` is the index of the first batch that is not open; `retry` the offset of a batch that must be fetched again. */
export type OpenBatches = {
  readonly messages: readonly Incoming[]
  readonly next: number
  readonly retry: number | null
}

/** Opens batches of any partition, from index `at` on. Remembers, for each partition, how often the last bad batch failed. */
export const batchOpener = () => {
  const failing = new Map<number, { readonly first: number; readonly tries: number }>()

  const countTry = (partition: number, first: number): number => {
    const before = failing.get(partition)
    const tries = before?.first === first ? before.tries + 1 : 1
    failing.set(partition, { first, tries })
    return tries
  }

  return async (partition: number, batches: readonly RawBatch[], at: number): Promise<OpenBatches> => {
    const messages: Incoming[] = []
    let bytes = 0
    let next = at
    for (; next < batches.length && bytes < togetherBytes; next++) {
      const batch = batches[next]!
      const opened = await openBatch(batch)
      if ('records' in opened) {
        for (const record of opened.records) messages.push(record)
        bytes += opened.bytes
      } else {
        if (countTry(partition, batch.first) < mostTries) return { messages, next, retry: batch.first }
        messages.push(unreadableMessage(batch, opened))
      }
    }
    return { messages, next, retry: null }
  }
}

const unreadableMessage = (
  batch: RawBatch,
  why: Omit<NonNullable<Incoming['unreadable']>, 'first'>,
): Incoming => ({
  offset: batch.last,
  at: sentAt(batch, Date.now()),
  sentAt: Number.NaN,
  key: null,
  value: null,
  unreadable: { first: batch.first, ...why },
})
