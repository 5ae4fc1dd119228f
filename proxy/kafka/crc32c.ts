// CRC-32C (Castagnoli), eight bytes a step: Kafka's checksum of a batch of records. node:zlib has only CRC-32.
const table = (): Uint32Array => new Uint32Array(256)
const tables = [table(), table(), table(), table(), table(), table(), table(), table()] as const
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
for (let n = 0; n < 256; n++) {
  let crc = n
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  t0[n] = crc
}
for (let n = 0; n < 256; n++) {
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1]![n]!
    tables[k]![n] = (before >>> 8) ^ t0[before & 0xff]!
  }
}

export const crc32c = (bytes: Buffer): number => {
  let crc = 0xffffffff
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}
