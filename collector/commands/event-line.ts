import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { shapes } from '../../proxy/events/shapes.ts'

/** Which events are asked for: those of a time (epoch ms, both ends included), and further what is given. */
export type Question = {
  readonly from: number
  readonly to: number
  readonly type?: string | undefined
  readonly node?: string | undefined
  readonly user?: string | undefined
  readonly connection?: string | undefined
  readonly dc?: string | undefined
}

export const matches = (question: Question, node: string, event: ProxyEvent): boolean => {
  if (event.at < question.from || event.at > question.to) return false
  if (question.type !== undefined && event.type !== question.type) return false
  if (question.node !== undefined && node !== question.node) return false
  const of: Partial<Record<string, unknown>> = event
  return (['user', 'connection', 'dc'] as const).every(
    (name) => question[name] === undefined || String(of[name]) === question[name],
  )
}

const types = Object.keys(shapes)

/** Null when there are events of this type; else what to write instead: those that begin or end alike, or all. */
export const typeMistake = (type: string): string | null => {
  if (types.includes(type)) return null
  const words = type
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length > 2)
  const near = types.filter((known) => words.some((word) => known.includes(word)))
  return `--type ${type} is no type of event: write one of ${(near.length > 0 ? near : types).join(', ')}`
}

const shown = (value: unknown): string => {
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text
}

/** An event as a line to read: when, where, what, and its fields as `name=value`. */
export const lineOf = (node: string, { v: _, type, at, ...fields }: ProxyEvent): string =>
  [
    new Date(at).toISOString(),
    node,
    type,
    ...Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`),
  ].join(' ')
