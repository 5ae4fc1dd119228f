import type { Json, Observation } from '../fold/delta.ts'
import { type Bucket, type Span, spans } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'

// The texts of the state in Redis: one hash per bucket, named by its span and number.

export const bucketName = (span: Span, bucket: Bucket): string => `${span}:${bucket}`

/** The bucket of a name; null for the names of other keys. */
export const nameParts = (name: string): { readonly span: Span; readonly bucket: Bucket } | null => {
  const colon = name.indexOf(':')
  const span = spans.find((known) => known === name.slice(0, colon))
  if (colon < 0 || span === undefined) return null
  const bucket = name.slice(colon + 1)
  return { span, bucket: span === 'boot' ? bucket : Number(bucket) }
}

export const standingText = ({ next, at }: Standing): string => `${next}|${at}`

export const standingOf = (text: string): Standing => {
  const [next = '', at = ''] = text.split('|')
  return { next: Number(next), at: Number(at) }
}

export const observationOf = (text: string): Observation => {
  const bar = text.indexOf('|')
  return { at: Number(text.slice(0, bar)), value: JSON.parse(text.slice(bar + 1)) as Json }
}
