import { leastRecord, mostRecord, mostSizes } from '../wire/records.ts'

/** Type and tag: what TLS 1.3 adds to a payload, which a site does not pad. RFC 8446, 5.2. */
const expansion = 17
/** Shorter records at the start are those of HTTP headers. */
const HEADERS = 1_024
/** Every rule in use makes full records after so many bytes, if ever. */
const SETTLED = 131_072
const FULL = mostRecord - expansion
/** A site whose application writes pieces needs some of them. */
const SOME = 4

const withoutEnds = (payloads: readonly number[]): number[] => {
  const first = payloads.findIndex((length) => length >= HEADERS)
  return first < 0 ? [] : payloads.slice(first, -1)
}

/**
 * The sizes behind the payloads of one answer, in their order: each record may be as long as the longest before it. Null:
 * too few records, as those of a short page.
 */
export const sizesOf = (payloads: readonly number[]): readonly number[] | null => {
  const seen = withoutEnds(payloads)
  if (seen.length === 0 || (seen[0] !== FULL && seen.length < SOME)) return null
  let longest = 0
  const sizes = seen.map((length) => {
    longest = Math.max(longest, length)
    return Math.min(Math.max(longest + expansion, leastRecord), mostRecord)
  })
  const settled = seen.reduce((sum, length) => sum + length, 0) >= SETTLED
  const bulk = settled ? sizes.at(-1)! : mostRecord
  const before = sizes.slice(0, mostSizes - 1)
  while (before.at(-1) === bulk) before.pop()
  return [...before, bulk]
}

/** A packet's payload may differ by its options. */
const NEAR = 64

/** Whether the payloads of an answer after a pause begin as the first answer did, whose first size is `first`. */
export const restarts = (payloads: readonly number[], first: number): boolean => {
  const [again = 0] = withoutEnds(payloads)
  return Math.abs(again + expansion - first) <= NEAR
}
