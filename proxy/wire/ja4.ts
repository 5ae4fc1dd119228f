import { hash } from 'node:crypto'
import type { Hello } from './client-hello.ts'

// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md

/** RFC 8701: values without meaning, by which clients keep servers tolerant of new ones. */
export const isGrease = (value: number): boolean =>
  (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff)

const versionNames = new Map([
  [0x0304, '13'],
  [0x0303, '12'],
  [0x0302, '11'],
  [0x0301, '10'],
  [0x0300, 's3'],
  [0x0002, 's2'],
])

const isAlphanumeric = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)

const ends = (alpn: Buffer | null): string => {
  const first = alpn?.at(0)
  const last = alpn?.at(-1)
  if (alpn === null || first === undefined || last === undefined) return '00'
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last)
  const hex = alpn.toString('hex')
  return `${hex.at(0)}${hex.at(-1)}`
}

const count = (list: readonly number[]): string => String(Math.min(list.length, 99)).padStart(2, '0')
const hex = (list: readonly number[]): string =>
  list.map((value) => value.toString(16).padStart(4, '0')).join()
const ascending = (list: number[]): number[] => list.sort((a, b) => a - b)
const digest = (text: string): string => hash('sha256', text, 'hex').slice(0, 12)
const nothing = '000000000000'

/** No client has a longer list. Sorting the thousands of elements that fit into a record would take a millisecond. */
const longest = 256
const real = (list: readonly number[]): number[] =>
  (list.length > longest ? list.slice(0, longest) : list).filter((value) => !isGrease(value))

/** The JA4 fingerprint of a ClientHello over TCP, from at most 256 elements of each of its lists. */
export const ja4 = (hello: Hello): string => {
  const suites = real(hello.cipherSuites)
  const extensions = real(hello.extensions)
  const versions = real(hello.versions)
  const version = versions.length > 0 ? Math.max(...versions) : hello.legacyVersion
  // Server name and ALPN are in the first part already.
  const hashed = ascending(extensions.filter((type) => type !== 0x0000 && type !== 0x0010))
  const algorithms = real(hello.signatureAlgorithms)
  return [
    `t${versionNames.get(version) ?? '00'}${hello.extensions.includes(0x0000) ? 'd' : 'i'}` +
      `${count(suites)}${count(extensions)}${ends(hello.alpn)}`,
    suites.length > 0 ? digest(hex(ascending(suites))) : nothing,
    hashed.length > 0 ? digest(hex(hashed) + (algorithms.length > 0 ? `_${hex(algorithms)}` : '')) : nothing,
  ].join('_')
}
