// TLS 1.3 records as they carry obfuscated2 inside fake TLS: `17 03 03 length payload`.
// https://www.rfc-editor.org/rfc/rfc8446#section-5.1

const changeCipherSpec = 0x14
const applicationData = 0x17
const headerLength = 5

/** Payload of a full record. */
export const maxPayload = 16_384
/** Bytes that a real peer may add to it: RFC 8446, 5.2. */
const maxExpansion = 256

/** Bytes that records of at least `size` bytes add to a payload of `length` bytes. */
export const headroom = (length: number, size = maxPayload): number => headerLength * Math.ceil(length / size)

/** Moves the payload at `buffer[from, to)` to its place behind a header at `at`, which is not before `from`. */
const place = (buffer: Buffer, from: number, to: number, at: number): void => {
  buffer.copyWithin(at + headerLength, from, to)
  buffer[at] = applicationData
  buffer[at + 1] = 3
  buffer[at + 2] = 3
  buffer[at + 3] = (to - from) >>> 8
  buffer[at + 4] = (to - from) & 0xff
}

/** Makes records of `size` bytes, which begin `before` headers behind `start`. Returns the end of the last one. */
const wrapEvenly = (buffer: Buffer, start: number, end: number, size: number, before: number): number => {
  const records = Math.ceil((end - start) / size)
  // Begins at the tail, so that no byte is overwritten before it has moved.
  for (let i = records - 1; i >= 0; i--) {
    const from = start + i * size
    place(buffer, from, Math.min(from + size, end), from + (before + i) * headerLength)
  }
  return end + (before + records) * headerLength
}

/**
 * Turns the payload at `buffer[start, end)` into records in place and returns their end. The buffer must have
 * `headroom(end - start)` bytes after `end`.
 */
export const wrap = (buffer: Buffer, start: number, end: number): number =>
  wrapEvenly(buffer, start, end, maxPayload, 0)

/** Which records a site makes. Sizes are those on the wire: payload, type and tag. */
export type RecordSizes = {
  /** The longest that each record of a burst may be, `leastRecord` to `mostRecord`; the last one holds for all further records. */
  readonly sizes: readonly number[]
  /** A pause after which the next record is the first of a burst, ms; null: there is one burst. */
  readonly restartMs: number | null
}

export const leastRecord = 512
/** A full record of TLS 1.3 on the wire. */
export const mostRecord = maxPayload + 17
/** Of the sizes of a burst. */
export const mostSizes = 128

/** RECORD_SIZES=max: full records for a client that expects no tag in them. */
export const fullRecords: RecordSizes = { sizes: [maxPayload], restartMs: null }

/**
 * Records of sites that have not been measured: small ones that fit a packet, so that a browser can begin to read, then
 * larger ones, again after a second of silence. https://blog.cloudflare.com/optimizing-tls-over-tcp-to-reduce-latency/
 */
export const usualRecords: RecordSizes = {
  sizes: [...Array<number>(40).fill(1_369 + 17), ...Array<number>(40).fill(4_229 + 17), mostRecord],
  restartMs: 1_000,
}

/** Whether a value that was kept has sizes that `wrapPaced` can use. */
export const isRecordSizes = (value: RecordSizes | null): boolean =>
  Array.isArray(value?.sizes) &&
  value.sizes.length > 0 &&
  value.sizes.length <= mostSizes &&
  value.sizes.every((size) => size >= leastRecord && size <= mostRecord)

/** RECORD_SIZES before a site is measured. */
export const unmeasured = (wanted: 'origin' | 'max'): RecordSizes =>
  wanted === 'max' ? fullRecords : usualRecords

/** Where a stream of records is in its burst. */
export type Pace = { readonly of: RecordSizes; next: number; at: number }

const begins = new Int32Array(mostSizes)

/**
 * `wrap` with the sizes of a site, whatever the payload is cut into. `now` in ms; the buffer must have
 * `headroom(end - start, leastRecord)` bytes after `end`.
 */
export const wrapPaced = (buffer: Buffer, start: number, end: number, pace: Pace, now: number): number => {
  const { sizes, restartMs } = pace.of
  const last = sizes.length - 1
  if (restartMs !== null && now - pace.at > restartMs) pace.next = 0
  pace.at = now
  if (pace.next >= last) return wrapEvenly(buffer, start, end, sizes[last]!, 0)
  let from = start
  let records = 0
  for (; from < end && pace.next < last; records++) {
    begins[records] = from
    from = Math.min(from + sizes[pace.next++]!, end)
  }
  const stop = wrapEvenly(buffer, from, end, sizes[last]!, records)
  for (let i = records - 1, to = from; i >= 0; to = begins[i]!, i--)
    place(buffer, begins[i]!, to, begins[i]! + i * headerLength)
  return stop
}

/**
 * Strips the records off `buffer[start, end)`: moves the payload to `start` and returns its new end, or -1 for other bytes
 * than records. After -1 the stream is over: do not call again.
 */
export type Unwrap = (buffer: Buffer, start: number, end: number) => number

/**
 * An `Unwrap` for one stream, split anywhere. One ChangeCipherSpec may come before the first ApplicationData. Empty records
 * are legal. An alert returns -1: no Telegram client sends one, and nothing follows it.
 */
export const unwrapper = (): Unwrap => {
  let headerBytes = 0
  let type = 0
  let left = 0
  let mayChange = true
  return (buffer, start, end) => {
    let from = start
    let to = start
    while (from < end) {
      if (headerBytes === headerLength) {
        const length = Math.min(left, end - from)
        if (type === applicationData) {
          if (to !== from) buffer.copyWithin(to, from, from + length)
          to += length
        } else if (buffer[from] !== 1) return -1
        from += length
        left -= length
        if (left === 0) headerBytes = 0
        continue
      }
      const byte = buffer[from++]!
      switch (headerBytes++) {
        case 0:
          if (byte !== applicationData && !(byte === changeCipherSpec && mayChange)) return -1
          type = byte
          mayChange = false
          break
        case 1:
        case 2:
          if (byte !== 3) return -1
          break
        case 3:
          left = byte << 8
          break
        default:
          left |= byte
          if (left > (type === applicationData ? maxPayload + maxExpansion : 1)) return -1
          if (left === 0) {
            if (type !== applicationData) return -1
            headerBytes = 0
          }
      }
    }
    return to
  }
}
