import { codecs, decompress } from '../../../../proxy/kafka/codecs.ts'
import { crc32c } from '../../../../proxy/kafka/crc32c.ts'
import { Damaged, TooMuch } from '../../../../proxy/kafka/damage.ts'
import { openBatch, splitBatches } from '../../../../proxy/kafka/records.ts'
import { compress } from '../../../test/kit/kafka/compress.ts'
import { mutated, type Random, randomOf } from '../random.ts'
import { promise, type Target } from '../target.ts'

const most = 100_000
const recordsAt = 61

const varint = (n: number): number[] => {
  const bytes: number[] = []
  let left = n < 0 ? -2 * n - 1 : 2 * n
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  return [...bytes, left]
}
const field = (bytes: Buffer | null): Buffer =>
  bytes === null ? Buffer.from(varint(-1)) : Buffer.concat([Buffer.from(varint(bytes.length)), bytes])

const record = (offset: number, value: Buffer): Buffer => {
  const header = [field(Buffer.from('sent-at')), field(Buffer.from('1790000000042'))]
  const body = [Buffer.from([0, ...varint(offset), ...varint(offset)]), field(Buffer.from('node/boot'))]
  return field(Buffer.concat([...body, field(value), Buffer.from(varint(1)), ...header]))
}

/** A batch as a producer sends it. https://kafka.apache.org/documentation/#recordbatch */
const batchOf = (codec: number, count: number, packed: Buffer): Buffer => {
  const head = Buffer.alloc(recordsAt)
  head.writeBigInt64BE(1_000n, 0)
  head.writeInt32BE(recordsAt - 12 + packed.length, 8)
  head.writeInt8(2, 16)
  head.writeInt16BE(codec, 21)
  head.writeInt32BE(count - 1, 23)
  head.writeBigInt64BE(1_790_000_000_000n, 27)
  head.writeBigInt64BE(1_790_000_000_000n + BigInt(count), 35)
  head.writeInt32BE(count, 57)
  return sealed(Buffer.concat([head, packed]))
}

/** With the length and the checksum that fit the bytes: damage behind them is found by what reads it, not by the checksum. */
const sealed = (batch: Buffer): Buffer => {
  if (batch.length < recordsAt) return batch
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

/** Payloads and whole batches in each codec, always the same ones. */
const samples = async () => {
  const random = randomOf(1)
  const packed: { codec: number; bytes: Buffer }[] = []
  const batches: Buffer[] = []
  for (const count of [1, 3, 40]) {
    const values = Array.from({ length: count }, (_, i) =>
      random.oneIn(3) ? random.bytes(200) : Buffer.from(`{"node":"n","boot":"b","seq":${i}}`.repeat(1 + i)),
    )
    const plain = Buffer.concat(values.map((value, i) => record(i, value)))
    for (const [codec, name] of codecs.entries()) {
      const bytes = name === 'none' ? plain : await compress[name](plain)
      packed.push({ codec, bytes })
      batches.push(batchOf(codec, count, bytes))
    }
  }
  return { packed, batches }
}

const outcomeOf = async (work: Promise<Buffer>): Promise<string> => {
  try {
    const { length } = await work
    promise(length <= most, 'more bytes than allowed')
    return 'read'
  } catch (error) {
    if (error instanceof Damaged || error instanceof TooMuch) return error.message.replace(/\d+/g, 'N')
    throw error
  }
}

/** Reads what a broker sent: batches with their records. */
const readAll = async (bytes: Buffer): Promise<string> => {
  const seen = new Set<string>()
  let total = 0
  for (const batch of splitBatches(bytes)) {
    total += batch.bytes.length
    const opened = await openBatch(batch, most)
    if ('why' in opened) {
      seen.add(`${opened.why} ${opened.codec}`)
      continue
    }
    promise(opened.bytes <= Math.max(most, batch.bytes.length), 'more bytes than allowed')
    for (const { offset, at } of opened.records) {
      promise(offset >= batch.first && offset <= batch.last, 'an offset outside of its batch')
      promise(!Number.isNaN(new Date(at).getTime()), 'a time that is none')
    }
    seen.add(opened.records.length === 0 ? 'no record' : 'records')
  }
  promise(total <= bytes.length, 'batches that overlap')
  return [...seen].sort().slice(0, 2).join(', ') || 'no batch'
}

/**
 * Input: a byte, and what a broker sent. The byte: 0–4 bytes in that codec; 5 batches as they are; 6 a batch whose length and
 * checksum are made to fit first.
 */
export const kafka: Target = {
  name: 'kafka',
  share: 180_000,
  open: async () => {
    const { packed, batches } = await samples()
    const make = (random: Random): Buffer => {
      if (random.oneIn(2)) {
        const { codec, bytes } = random.one(packed)
        const others = packed.filter((one) => one.codec === codec).map((one) => one.bytes)
        return Buffer.concat([
          Buffer.from([codec]),
          random.oneIn(20) ? bytes : mutated(bytes, random, others),
        ])
      }
      const batch = random.one(batches)
      const head = batch.subarray(0, recordsAt)
      const changed = random.oneIn(2)
        ? mutated(batch, random, batches)
        : Buffer.concat([head, mutated(batch.subarray(recordsAt), random)])
      return Buffer.concat([
        Buffer.from([5 + random.below(2)]),
        changed,
        random.oneIn(3) ? batch : Buffer.alloc(0),
      ])
    }
    const run = async (input: Buffer): Promise<string> => {
      const what = (input[0] ?? 0) % 7
      const bytes = Buffer.from(input.subarray(1))
      const codec = codecs[what]
      if (codec === undefined) return readAll(what === 6 ? sealed(bytes) : bytes)
      if (codec === 'none') return 'none'
      return `${codec}: ${await outcomeOf(decompress(codec, bytes, most))}`
    }
    return { make, run }
  },
}
