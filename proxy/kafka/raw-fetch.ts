import { createRequire } from 'node:module'
import { type RawBatch, splitBatches } from './records.ts'

/** What of kafkajs' decoder is used here; it is not in its types. */
type Decoder = {
  readInt32(): number
  canReadBytes(length: number): boolean
  readBytes(length: number): Buffer
}

/** What kafkajs takes for a message: a batch of records, at the offset of its last one. */
type Wrapped = {
  readonly offset: string
  readonly isControlRecord: false
  readonly batchContext: { readonly producerId: string; readonly inTransaction: false }
  readonly raw: RawBatch
}

const context = { producerId: '-1', inTransaction: false } as const

const wrap = (raw: RawBatch): Wrapped => ({
  offset: String(raw.last),
  isControlRecord: false,
  batchContext: context,
  raw,
})

const decode = async (decoder: Decoder): Promise<Wrapped[]> => {
  const size = decoder.readInt32()
  if (size <= 0 || !decoder.canReadBytes(size)) return []
  return splitBatches(decoder.readBytes(size)).map(wrap)
}

/**
 * kafkajs reads all records of all partitions as soon as they come: one that it cannot read stops every partition, and what
 * they grow to has no bound. It passes batches on as they are now, and the consumer opens one after the other.
 * Throws where kafkajs is built differently.
 */
export const fetchRaw = (): void => {
  const require = createRequire(import.meta.url)
  const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages')
  require(path)
  const loaded = require.cache[path]
  if (typeof loaded?.exports !== 'function')
    throw new Error('kafkajs: fetch/v4/decodeMessages is no function')
  loaded.exports = decode
}

/** The batch in what kafkajs takes for a message. */
export const rawOf = (message: object): RawBatch => (message as Wrapped).raw
