import type { ProxyEvent } from '../proxy/events/contract.ts'

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
