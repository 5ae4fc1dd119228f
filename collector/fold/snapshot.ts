import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Counts, Json, Observation } from './delta.ts'
import type { Bucket, Span } from './retention.ts'
import { spans } from './retention.ts'

/** The next `seq` expected of an emitter, and the time of its last event (epoch ms). */
export type Standing = { readonly next: number; readonly at: number }

/** Everything that the fold has made of the events. */
export type Aggregates = {
  readonly counts: ReadonlyMap<Span, Map<Bucket, Counts>>
  readonly recent: Map<string, Observation>
  readonly lasting: Map<string, Observation>
  readonly emitters: Map<string, Standing>
  /** Epoch ms of the earliest event; Infinity without one. */
  readonly since: number
}

/** Raised when an old snapshot would be misread; a projection that counts something more does not need that. */
const version = 1

export const emptyAggregates = (): Aggregates => ({
  counts: new Map(spans.map((span) => [span, new Map<Bucket, Counts>()])),
  recent: new Map(),
  lasting: new Map(),
  emitters: new Map(),
  since: Infinity,
})

const byKey = (a: readonly [Bucket, unknown], b: readonly [Bucket, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0

const object = <V>(entries: Iterable<readonly [Bucket, V]>, text: (value: V) => string): string =>
  `{${[...entries]
    .sort(byKey)
    .map(([key, value]) => `${JSON.stringify(String(key))}:${text(value)}`)
    .join(',')}}`

/** Canonical JSON with every key sorted. `texts` caches the text of buckets that have not changed. */
export const writeSnapshot = (from: Aggregates, texts: WeakMap<Counts, string>): string => {
  const countsText = (counts: Counts): string => {
    const text = texts.get(counts) ?? object(counts, String)
    texts.set(counts, text)
    return text
  }
  const observations = (of: Map<string, Observation>): string =>
    object(of, ({ at, value }) => `[${at},${JSON.stringify(value)}]`)
  const full = (buckets: Map<Bucket, Counts>) => [...buckets].filter(([, counts]) => counts.size > 0)
  const parts = [
    `"version":${version}`,
    `"since":${from.since === Infinity ? 'null' : from.since}`,
    `"counts":${object(from.counts, (buckets) => object(full(buckets), countsText))}`,
    `"recent":${observations(from.recent)}`,
    `"lasting":${observations(from.lasting)}`,
    `"emitters":${object(from.emitters, ({ next, at }) => `[${next},${at}]`)}`,
  ]
  return `{${parts.join(',\n')}}`
}

const record = (value: unknown): [string, unknown][] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('not an object')
  return Object.entries(value)
}

const number = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('not a number')
  return value
}

const pair = (value: unknown): readonly [unknown, unknown] => {
  if (!Array.isArray(value) || value.length !== 2) throw new TypeError('not a pair')
  return [value[0], value[1]]
}

const observations = (value: unknown): Map<string, Observation> =>
  new Map(
    record(value).map(([key, entry]) => {
      const [at, of] = pair(entry)
      return [key, { at: number(at), value: of as Json }] // parsed from JSON
    }),
  )

const bucketsOf = (span: Span, value: unknown): Map<Bucket, Counts> =>
  new Map(
    record(value ?? {}).map(([bucket, counts]) => [
      span === 'boot' ? bucket : number(Number(bucket)),
      new Map(record(counts).map(([key, n]) => [key, number(n)])),
    ]),
  )

/** Compresses a snapshot for storage: two busy days are 2 MB of text every minute. */
export const packSnapshot = (text: string): Uint8Array => zstdCompressSync(text)

const mostBytes = 256 * 2 ** 20

const unpacked = (value: Uint8Array | string): string =>
  typeof value === 'string'
    ? value
    : zstdDecompressSync(value, { maxOutputLength: mostBytes }).toString('utf8')

/** Reads the text of `writeSnapshot`, compressed or not; `unusable` is the reason why it cannot be read. */
export const readSnapshot = (value: Uint8Array | string): Aggregates | { readonly unusable: string } => {
  try {
    const parsed = new Map(record(JSON.parse(unpacked(value))))
    const found = parsed.get('version')
    if (found !== version)
      return { unusable: `it has version ${String(found)}, this program reads ${version}` }
    const counts = new Map(record(parsed.get('counts')))
    const since = parsed.get('since')
    return {
      counts: new Map(spans.map((span) => [span, bucketsOf(span, counts.get(span))])),
      recent: observations(parsed.get('recent')),
      lasting: observations(parsed.get('lasting')),
      emitters: new Map(
        record(parsed.get('emitters')).map(([emitter, standing]) => {
          const [next, at] = pair(standing)
          return [emitter, { next: number(next), at: number(at) }]
        }),
      ),
      since: since === null ? Infinity : number(since),
    }
  } catch (error) {
    return { unusable: `it is damaged (${error instanceof Error ? error.message : String(error)})` }
  }
}
