import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { shapes } from '../../proxy/events/shapes.ts'

/** Selects events of a period (epoch ms, both ends included) that have every given field. */
export type Filter = {
  readonly from: number
  readonly to: number
  readonly type?: string | undefined
  readonly node?: string | undefined
  readonly user?: string | undefined
  readonly connection?: string | undefined
  readonly dc?: string | undefined
}

export const matches = (filter: Filter, node: string, event: ProxyEvent): boolean => {
  if (event.at < filter.from || event.at > filter.to) return false
  if (filter.type !== undefined && event.type !== filter.type) return false
  if (filter.node !== undefined && node !== filter.node) return false
  const fields: Partial<Record<string, unknown>> = event
  return (['user', 'connection', 'dc'] as const).every(
    (name) => filter[name] === undefined || String(fields[name]) === filter[name],
  )
}

const types = Object.keys(shapes)

/** Null for a type of the contract; else a sentence that lists the types with a word in common, or all types. */
export const typeMistake = (type: string): string | null => {
  if (types.includes(type)) return null
  const words = type
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length > 2)
  const near = types.filter((known) => words.some((word) => known.includes(word)))
  return `--type ${type} is not a type of event: write one of ${(near.length > 0 ? near : types).join(', ')}`
}

const shown = (value: unknown): string => {
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text
}

/** An event as one line: time, node, type, and its fields as `name=value`. */
export const lineOf = (node: string, { v: _, type, at, ...fields }: ProxyEvent): string =>
  [
    new Date(at).toISOString(),
    node,
    type,
    ...Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`),
  ].join(' ')
