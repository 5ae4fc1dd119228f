// TLS 1.3 records as they carry obfuscated2 inside fake TLS: `17 03 03 length payload`.
// https://www.rfc-editor.org/rfc/rfc8446#section-5.1

const changeCipherSpec = 0x14
const applicationData = 0x17
const headerLength = 5

/** Payload of a full record. */
export const maxPayload = 16_384
/** Bytes that a real peer may add to it: RFC 8446, 5.2. */
const maxExpansion = 256

/** Bytes that `wrap` adds to a payload of `length` bytes. */
export const headroom = (length: number): number => headerLength * Math.ceil(length / maxPayload)

/**
 * Turns the payload at `buffer[start, end)` into records in place and returns their end. The buffer must have
 * `headroom(end - start)` bytes after `end`.
 */
export const wrap = (buffer: Buffer, start: number, end: number): number => {
  const records = Math.ceil((end - start) / maxPayload)
  // Begins at the tail, so that no byte is overwritten before it has moved.
  for (let i = records - 1; i >= 0; i--) {
    const from = start + i * maxPayload
    const to = Math.min(from + maxPayload, end)
    const at = from + i * headerLength
    buffer.copyWithin(at + headerLength, from, to)
    buffer[at] = applicationData
    buffer[at + 1] = 3
    buffer[at + 2] = 3
    buffer[at + 3] = (to - from) >>> 8
    buffer[at + 4] = (to - from) & 0xff
  }
  return end + records * headerLength
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
