import { mistaken, type Parsed, parsed } from '../config/parse.ts'
import { limitNames, limitSettings } from '../config/user-limits.ts'
import type { UserLimits } from '../users/limits.ts'
import type { Field, Fields, Schema } from './endpoint.ts'
import { object, orNull } from './schema.ts'

type Name = keyof UserLimits

/** A limit in an answer; null sets no limit. */
const answered = (name: Name): Schema => {
  const description = limitSettings[name].doc
  switch (name) {
    case 'modes':
    case 'networks':
      return orNull({ type: 'array', items: { type: 'string' }, description })
    case 'expiresAt':
    case 'adTag':
      return orNull({ type: 'string', description })
    default:
      return orNull({ type: 'integer', minimum: 1, description })
  }
}

const mostText = 16_384

/** As answers have it, or as the setting has it: `50G`, `2026-12-31`, `none`. `default` removes the user's own limit. */
const read = (name: Name): ((value: unknown) => Parsed<unknown>) => {
  const { parse } = limitSettings[name]
  return (value) => {
    if (value === null) return parsed(null)
    if (value === 'default') return parsed(undefined)
    const text =
      Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(',') : value
    if (typeof text === 'string' && text.length <= mostText) return parse(text)
    if (typeof text === 'number') return parse(String(text))
    return mistaken('must be a number, a text as in the settings, null for no limit, or default')
  }
}

const sent = (name: Name): Schema => {
  const { description, type } = answered(name) as { description: string; type: string[] }
  const types = [...new Set([...type, 'string'])]
  return {
    type: types,
    ...(types.includes('array') ? { items: { type: 'string' } } : {}),
    description: `${description}; also as the setting has it (none, 50G, 2026-12-31); default removes the user’s own limit`,
  }
}

const limitField = (name: Name): Field => ({
  schema: sent(name),
  read: read(name),
  ...(limitSettings[name].secret ? { secret: true } : {}),
})

/** The limits that a request may set, made from the table of the settings. */
export const limitFields = Object.fromEntries(limitNames.map((name) => [name, limitField(name)])) as Fields

/** All limits, as in an answer. */
export const everyLimit: Schema = object(
  Object.fromEntries(limitNames.map((name) => [name, answered(name)])),
  'Limits in force; null sets no limit',
)

/** The limits that a user has of its own. */
export const ownLimits: Schema = {
  type: 'object',
  description: 'Limits of the user’s own; for others the defaults hold',
  properties: Object.fromEntries(limitNames.map((name) => [name, answered(name)])),
}
