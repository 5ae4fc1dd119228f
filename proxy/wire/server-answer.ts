import { Reader } from './reader.ts'

// https://www.rfc-editor.org/rfc/rfc8446#section-4.1.3

/** The answer of a TLS 1.3 server to a ClientHello so far. */
export type ServerAnswer = {
  cipherSuite: number
  /** The group of its key share. */
  group: number
  /** The extensions of its ServerHello, in order. */
  extensions: readonly number[]
  /** Payload sizes of the complete ApplicationData records. */
  records: readonly number[]
  /** Whether the bytes end where a record does. */
  whole: boolean
}

/** SHA-256("HelloRetryRequest"): the random of a ServerHello that asks for another share. */
const retry = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')
const maxServerHello = 2048
const maxRecord = 16_384 + 256

type ServerHello = Pick<ServerAnswer, 'cipherSuite' | 'group' | 'extensions'>

const parseServerHello = (record: Buffer): ServerHello | 'retry' | null => {
  const r = new Reader(record)
  if (r.u8() !== 2 || r.u24() !== record.length - 4 || r.u16() !== 0x0303) return null
  if (r.take(32).equals(retry)) return 'retry'
  r.take(r.u8()) // session id
  const cipherSuite = r.u16()
  r.u8() // compression
  if (r.u16() !== record.length - r.at) return null
  const extensions: number[] = []
  let group = 0
  let version = 0
  while (r.ok && r.at < record.length) {
    const type = r.u16()
    const content = new Reader(r.take(r.u16()))
    extensions.push(type)
    if (type === 0x002b) version = content.u16()
    if (type === 0x0033) group = content.u16()
  }
  return r.ok && version === 0x0304 && group !== 0 ? { cipherSuite, group, extensions } : null
}

/** Reads a server's first bytes: ServerHello, an optional ChangeCipherSpec, ApplicationData. `retry`: a HelloRetryRequest. */
export const parseServerAnswer = (bytes: Buffer): ServerAnswer | 'more' | 'not-tls13' | 'retry' => {
  let hello: ServerHello | null = null
  const records: number[] = []
  let at = 0
  while (at + 5 <= bytes.length) {
    const type = bytes[at]!
    const size = bytes.readUInt16BE(at + 3)
    const end = at + 5 + size
    if (bytes[at + 1] !== 3 || size === 0 || size > maxRecord) return 'not-tls13'
    if (hello === null) {
      if (type !== 0x16 || size > maxServerHello) return 'not-tls13'
      if (end > bytes.length) return 'more'
      const read = parseServerHello(bytes.subarray(at + 5, end))
      if (read === null || read === 'retry') return read ?? 'not-tls13'
      hello = read
    } else if (type !== 0x17 && (type !== 0x14 || records.length > 0)) return 'not-tls13'
    else if (end > bytes.length) break
    else if (type === 0x17) records.push(size)
    at = end
  }
  return hello === null ? 'more' : { ...hello, records, whole: at === bytes.length }
}
