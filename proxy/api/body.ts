import { distance } from '../config/suggestions.ts'
import type { Fields } from './endpoint.ts'
import { type FieldMistake, type Problem, problem } from './problem.ts'

export type Read = { readonly body: Readonly<Record<string, unknown>> } | Problem

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The part of `names` that a wrong name probably means. */
export const nearest = (name: string, names: readonly string[]): string => {
  const near = names
    .map((known) => ({ known, off: distance(name.slice(0, 40).toLowerCase(), known.toLowerCase()) }))
    .sort((a, b) => a.off - b.off)[0]
  return near !== undefined && near.off <= 3 ? `did you mean ${near.known}?` : `use ${names.join(', ')}`
}

/** Checks each field of `value` by its entry in `fields`. Adds the mistakes, with `prefix` before the names. */
export const readFields = (
  value: unknown,
  fields: Fields,
  mistakes: FieldMistake[],
  prefix = '',
): Readonly<Record<string, unknown>> => {
  const read: Record<string, unknown> = {}
  if (!isObject(value)) {
    mistakes.push({ field: prefix.replace(/\.$/, '') || 'body', mistake: 'must be a JSON object' })
    return read
  }
  const names = Object.keys(fields)
  for (const name of names) {
    const field = fields[name]
    if (field?.required && !Object.hasOwn(value, name))
      mistakes.push({ field: prefix + name, mistake: 'is missing: send it' })
  }
  for (const [name, given] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined) {
      mistakes.push({
        field: (prefix + name).slice(0, 60),
        mistake: `is not a field: ${names.length === 0 ? 'leave it out' : nearest(name, names)}`,
      })
      continue
    }
    if ('fields' in field) {
      read[name] = readFields(given, field.fields, mistakes, `${prefix}${name}.`)
      continue
    }
    const reading = field.read(given)
    if (reading.ok) read[name] = reading.value
    else mistakes.push({ field: prefix + name, ...shownValue(given, field.secret), mistake: reading.mistake })
  }
  return read
}

const shownValue = (value: unknown, secret: true | undefined): { value?: unknown } => {
  if (secret) return {}
  if (typeof value === 'string') return { value: value.slice(0, 60) }
  return typeof value === 'object' && value !== null ? {} : { value }
}

/** The body as JSON, checked. An empty one is an empty object. */
export const readBody = (bytes: Buffer, fields: Fields): Read => {
  let value: unknown = {}
  if (bytes.length > 0) {
    try {
      value = JSON.parse(bytes.toString('utf8'))
    } catch {
      return problem('invalid-request', 'the body is not JSON: send an object as {"name":"alice"}')
    }
  }
  const errors: FieldMistake[] = []
  const body = readFields(value, fields, errors)
  return errors.length === 0 ? { body } : problem('invalid-request', sentence(errors), { errors })
}

const sentence = (errors: readonly FieldMistake[]): string =>
  errors
    .map(({ field, value, mistake }) => `${field}${value === undefined ? '' : `=${value}`} ${mistake}`)
    .join('; ')
