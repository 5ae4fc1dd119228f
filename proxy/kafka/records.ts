import { type Codec, codecs, decompress } from './codecs.ts'
import { crc32c } from './crc32c.ts'
import { Damaged, TooMuch } from './damage.ts'

// Record batches as brokers store and send them. https://kafka.apache.org/documentation/#recordbatch

/** One batch of records, not decoded. */
export type RawBatch = {
  /** Offsets of its first and last record. */
  readonly first: number
  readonly last: number
  readonly bytes: Buffer
}

export type KafkaRecord = {
  readonly offset: number
  /** When the broker appended it, or with CreateTime when it was sent. Epoch ms, within the range of Date. */
  readonly at: number
  /** The clock of the sender at that time, epoch ms; NaN without the header. */
  readonly sentAt: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A header with the clock of the sender, epoch ms. Compared with the time of the broker it shows a wrong clock. */
export const sentAtHeader = 'sent-at'

/** Why a batch cannot be read: older format, wrong checksum, unknown codec, records beyond the bounds, or damage. */
export type Unreadable = 'format' | 'checksum' | 'codec' | 'too-large' | 'damaged'

export type Opened =
  /** There may be fewer records than offsets: markers of transactions are not records. */
  | { readonly records: readonly KafkaRecord[]; readonly bytes: number }
  | { readonly why: Unreadable; readonly codec: Codec | 'unknown' }

/** Bound of the decompressed records of one batch. A proxy sends at most 512 KiB. */
export const mostBytes = 16 * 2 ** 20
/** Small records take a hundred times their size in memory. */
const mostRecords = 100_000

/** Positions of the fields of a batch. */
const lengthAt = 8
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const lastDeltaAt = 23
const firstTimeAt = 27
const maxTimeAt = 35
const countAt = 57
const recordsAt = 61
const magic = 2
/** Bytes of the first offset and the length. */
const lead = 12
const [appendTime, control] = [0x08, 0x20]
const latestTime = 8.64e15

/** Splits what a broker sent of a partition. Leaves out a last batch that is cut off. */
export const splitBatches = (bytes: Buffer): RawBatch[] => {
  const batches: RawBatch[] = []
  for (let at = 0; at + recordsAt <= bytes.length; ) {
    const end = at + lead + bytes.readInt32BE(at + lengthAt)
    if (end <= at + lead || end > bytes.length) break
    const batch = bytes.subarray(at, end)
    const first = Number(batch.readBigInt64BE())
    const isOurs = batch[magicAt] === magic && batch.length >= recordsAt
    batches.push({
      first,
      last: first + (isOurs ? Math.max(0, batch.readInt32BE(lastDeltaAt)) : 0),
      bytes: batch,
    })
    at = end
  }
  return batches
}

const reader = (bytes: Buffer) => {
  let at = 0
  /** A zigzag number of up to 64 bits; exact up to 2^53. */
  const varint = (): number => {
    let n = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) break
      n += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return n % 2 === 0 ? n / 2 : -(n + 1) / 2
    }
    throw new Damaged('a number without an end')
  }
  const slice = (length: number): Buffer => {
    if (length < 0 || at + length > bytes.length) throw new Damaged('a length beyond the end')
    at += length
    return bytes.subarray(at - length, at)
  }
  return {
    varint,
    slice,
    /** Whether bytes are left. */
    hasMore: (): boolean => at < bytes.length,
    /** Null for the length -1. */
    field: (): Buffer | null => {
      const length = varint()
      return length === -1 ? null : slice(length)
    },
  }
}

/** Reads the first header: mtscope writes `sent-at` before any other. */
const readSentAt = ({ hasMore, varint, slice, field }: ReturnType<typeof reader>): number =>
  hasMore() && varint() > 0 && String(slice(varint())) === sentAtHeader
    ? Number(field() ?? Number.NaN)
    : Number.NaN

const timeOf = (ms: number): number => Math.min(latestTime, Math.max(0, Math.round(ms)))

const readRecords = (batch: RawBatch, bytes: Buffer): KafkaRecord[] => {
  const attributes = batch.bytes.readInt16BE(attributesAt)
  const firstTime = Number(batch.bytes.readBigInt64BE(firstTimeAt))
  const fixed = (attributes & appendTime) === 0 ? null : Number(batch.bytes.readBigInt64BE(maxTimeAt))
  const count = batch.bytes.readInt32BE(countAt)
  if (count > mostRecords) throw new TooMuch(`${count} records`)
  const records: KafkaRecord[] = []
  const { varint, slice } = reader(bytes)
  for (let n = 0; n < count; n++) {
    const record = reader(slice(varint()))
    record.slice(1) // attributes: unused
    const delta = record.varint()
    const offset = batch.first + record.varint()
    if (offset < batch.first || offset > batch.last) throw new Damaged('an offset outside its batch')
    const [key, value] = [record.field(), record.field()]
    records.push({ offset, at: timeOf(fixed ?? firstTime + delta), sentAt: readSentAt(record), key, value })
  }
  return records
}

/** When a batch was sent according to its header, if that is within an hour of `now`; otherwise `now`. Epoch ms. */
export const sentAt = ({ bytes }: RawBatch, now: number): number => {
  const at = bytes.length < recordsAt ? now : Number(bytes.readBigInt64BE(maxTimeAt))
  return Math.abs(at - now) < 3_600_000 ? at : now
}

/** Checks and decodes a batch, whose records have at most `most` bytes when decompressed. Never throws. */
export const openBatch = async (batch: RawBatch, most: number = mostBytes): Promise<Opened> => {
  const { bytes } = batch
  if (bytes.length < recordsAt || bytes[magicAt] !== magic) return { why: 'format', codec: 'unknown' }
  const attributes = bytes.readInt16BE(attributesAt)
  const codec = codecs[attributes & 7]
  if (bytes.readUInt32BE(crcAt) !== crc32c(bytes.subarray(attributesAt)))
    return { why: 'checksum', codec: codec ?? 'unknown' }
  if (codec === undefined) return { why: 'codec', codec: 'unknown' }
  if ((attributes & control) !== 0) return { records: [], bytes: 0 }
  try {
    const plain = await decompress(codec, bytes.subarray(recordsAt), most)
    return { records: readRecords(batch, plain), bytes: plain.length }
  } catch (error) {
    return { why: error instanceof TooMuch ? 'too-large' : 'damaged', codec }
  }
}
