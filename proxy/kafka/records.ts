import { type Codec, codecs, decompress } from './codecs.ts'
import { crc32c } from './crc32c.ts'
import { Damaged, TooMuch } from './snappy.ts'

// Record batches as brokers keep and send them. https://kafka.apache.org/documentation/#recordbatch

/** One batch of records as it came, not looked into. */
export type RawBatch = {
  /** Offsets of its first and last record. */
  readonly first: number
  readonly last: number
  readonly bytes: Buffer
}

export type KafkaRecord = {
  readonly offset: number
  /** When the broker appended it, or when it was sent where the topic has CreateTime; epoch ms, within what a Date can tell. */
  readonly at: number
  /** What its sender's clock was then, epoch ms; NaN where it has no such header. */
  readonly sentAt: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A header: what the sender's clock was when it sent the message, epoch ms. Against the broker's it shows a wrong one. */
export const sentAtHeader = 'sent-at'

/** Why a batch cannot be read: an older format, a wrong checksum, a codec that Kafka does not have, too large, or damaged. */
export type Unreadable = 'format' | 'checksum' | 'codec' | 'too-large' | 'damaged'

export type Opened =
  /** Records may be fewer than offsets: markers of transactions are none. */
  | { readonly records: readonly KafkaRecord[]; readonly bytes: number }
  | { readonly why: Unreadable; readonly codec: Codec | 'unknown' }

/** What the records of one batch may grow to. A proxy sends 512 KiB at most. */
export const mostBytes = 16 * 2 ** 20
/** Records of a few bytes take a hundred times their size in memory. */
const mostRecords = 100_000

/** Where the fields of a batch are. */
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
/** Before the length and in it. */
const lead = 12
const [appendTime, control] = [0x08, 0x20]
const latestTime = 8.64e15

/** The batches in what a broker sent of a partition; the last one may be cut off, and is left out then. */
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
  /** Zigzag; of 64 bits, exact up to 2^53. */
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
    /** Whether there is more. */
    goesOn: (): boolean => at < bytes.length,
    /** Null where its length is -1. */
    field: (): Buffer | null => {
      const length = varint()
      return length === -1 ? null : slice(length)
    },
  }
}

/** Its sender writes it before any other header. */
const readSentAt = ({ goesOn, varint, slice, field }: ReturnType<typeof reader>): number =>
  goesOn() && varint() > 0 && String(slice(varint())) === sentAtHeader
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
    record.slice(1) // attributes, of which there are none
    const delta = record.varint()
    const offset = batch.first + record.varint()
    if (offset < batch.first || offset > batch.last) throw new Damaged('an offset outside its batch')
    const [key, value] = [record.field(), record.field()]
    records.push({ offset, at: timeOf(fixed ?? firstTime + delta), sentAt: readSentAt(record), key, value })
  }
  return records
}

/** When a batch was sent by its own word, where that is within an hour of `now`; else `now`. Epoch ms. */
export const sentAt = ({ bytes }: RawBatch, now: number): number => {
  const at = bytes.length < recordsAt ? now : Number(bytes.readBigInt64BE(maxTimeAt))
  return Math.abs(at - now) < 3_600_000 ? at : now
}

/** Reads a batch whose records may grow to `most` bytes. Never throws. */
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
