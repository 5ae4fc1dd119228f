import { createRequire } from 'node:module'
import { type RawBatch, splitBatches } from './records.ts'

/** The part of kafkajs' decoder that is used here; kafkajs has no types for it. */
type Decoder = {
  readInt32(): number
  canReadBytes(length: number): boolean
  readBytes(length: number): Buffer
}

/** A whole batch of records in the form of a kafkajs message, with the offset of its last record. */
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
 * Replaces kafkajs' decoding of fetched records: it passes batches on undecoded, and the consumer opens one after the other.
 * README.md has the reasons. Throws when this version of kafkajs is built differently.
 */
export const patchFetch = (): void => {
  const require = createRequire(import.meta.url)
  const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages')
  require(path)
  const loaded = require.cache[path]
  if (typeof loaded?.exports !== 'function')
    throw new Error('kafkajs: fetch/v4/decodeMessages is not a function: install kafkajs 2.2.4')
  loaded.exports = decode
}

/** The batch in a message of kafkajs. */
export const rawBatchOf = (message: object): RawBatch => (message as Wrapped).raw
