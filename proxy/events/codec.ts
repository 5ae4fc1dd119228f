import { type Field, fieldsOf, misfit } from './checks.ts'
import type { Batch, EventType, Logged, MtscopeEvent, Position, ProxyEvent } from './contract.ts'
import { shapes } from './shapes.ts'
import { chains, type Lift, lift, type Raw } from './upcast.ts'

/** A row of the event log or the content of a message: `count` events as JSON text; `seq` is that of the first. */
export type Row = Position & { readonly count: number; readonly text: string; readonly at?: number }

/** `count` stored events from `seq` on that cannot be read. `why` is the name of the wrong field, or `type`, `v` or `text`. */
export type Unreadable = {
  readonly seq: number
  readonly count: number
  readonly type: string
  readonly why: string
}

/**
 * A batch in which an `events.lost` of reason `unreadable` replaces each unreadable event: `seq` has no gap and every
 * projection sees the loss. A row that is not a JSON array becomes one such event with the count of the row.
 */
export type Decoded = Batch & { readonly unreadable: readonly Unreadable[] }

/** Longer messages are not parsed. Characters. */
export const maxMessageLength = 16 * 1024 * 1024

/** Events as JSON text: what a worker posts and the event log stores. `node`, `boot` and `seq` are not part of it. */
export const encodeEvents = (events: readonly ProxyEvent[]): string => JSON.stringify(events)

/** Reverses `encodeEvents` before the events have a `seq`: the `seq` of `unreadable` counts from 0. */
export const decodeEvents = (text: string): Omit<Decoded, keyof Position> => {
  const { events, unreadable } = decodeBatch({ node: '', boot: '', seq: 0, count: 1, text })
  return { events, unreadable }
}

/** Parses a row and checks each event; lifts old versions to the newest. Never throws. */
export const decodeBatch = (row: Row): Decoded => {
  const { node, boot, seq } = row
  const parsed = parse(row.text)
  if (!Array.isArray(parsed) || parsed.length === 0) {
    const count = Math.max(1, row.count)
    const unreadable = [{ seq, count, type: 'unknown', why: 'text' }]
    return { node, boot, seq, events: [lost(row.at ?? 0, count)], unreadable }
  }
  return decodeParsed({ node, boot, seq }, parsed, row.at ?? 0)
}

/** Yields the events of a batch with their positions. */
export function* placed<E extends MtscopeEvent>(batch: Batch<E>): Generator<Logged<E>, void, undefined> {
  const { node, boot } = batch
  let seq = batch.seq
  for (const event of batch.events) yield { ...event, node, boot, seq: seq++ }
}

/** One Kafka message, `{node,boot,seq,events}`. Inserts `text` without parsing it. */
export const encodeMessage = ({ node, boot, seq, text }: Position & { readonly text: string }): string =>
  `{"node":${JSON.stringify(node)},"boot":${JSON.stringify(boot)},"seq":${seq},"events":${text}}`

/** Reverses `encodeMessage`; `error` names what is wrong with the message. Never throws. */
export const decodeMessage = (message: string): Decoded | { readonly error: string } => {
  if (message.length > maxMessageLength) return { error: `longer than ${maxMessageLength} characters` }
  const parsed = parse(message)
  if (typeof parsed !== 'object' || parsed === null) return { error: 'not a JSON object' }
  const { node, boot, seq, events } = parsed as Partial<Record<string, unknown>>
  if (typeof node !== 'string' || typeof boot !== 'string') return { error: 'no node or boot' }
  if (node.length > longestName || boot.length > longestName) return { error: 'node or boot too long' }
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return { error: 'no seq' }
  if (!Array.isArray(events) || events.length === 0) return { error: 'no events' }
  return decodeParsed({ node, boot, seq }, events, 0)
}

/** Characters of a node or a boot: host names have at most 253. */
const longestName = 256

/** The latest time that a Date can hold, epoch ms. */
const latestTime = 8.64e15
const isTime = (at: unknown): at is number => typeof at === 'number' && at >= 0 && at <= latestTime

/** Checks one parsed event and lifts it to its newest version; `why` as in `Unreadable`. */
export const decodeEvent = (value: unknown): { readonly event: MtscopeEvent } | { readonly why: string } => {
  const { type, v, at } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Raw>
  if (typeof type !== 'string') return { why: 'type' }
  const known = readers.get(type)
  if (known === undefined) return { why: 'type' }
  if (typeof v !== 'number') return { why: 'v' }
  if (!isTime(at)) return { why: 'at' }
  let event: Raw | null
  try {
    event = lift(known.chain, value as Raw)
  } catch {
    return { why: `v${v}` } // a lift met a field that it did not expect
  }
  if (event === null) return { why: 'v' }
  const wrong = misfit(event, known.fields)
  return wrong === null ? { event: event as unknown as MtscopeEvent } : { why: wrong }
}

type Reader = { readonly chain: readonly Lift[]; readonly fields: readonly Field[] }
const readers: ReadonlyMap<string, Reader> = new Map(
  (Object.keys(shapes) as EventType[]).map((type) => [
    type,
    { chain: chains[type], fields: fieldsOf(shapes[type]) },
  ]),
)

const decodeParsed = (from: Position, values: readonly unknown[], rowAt: number): Decoded => {
  const unreadable: Unreadable[] = []
  const events = values.map((value, index): ProxyEvent => {
    const decoded = decodeEvent(value)
    if ('event' in decoded && isOfProxy(decoded.event)) return decoded.event
    const { type, at } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Raw>
    unreadable.push({
      seq: from.seq + index,
      count: 1,
      type: typeof type === 'string' ? type.slice(0, 64) : 'unknown',
      why: 'why' in decoded ? decoded.why : 'type',
    })
    return lost(isTime(at) ? at : rowAt, 1)
  })
  return { ...from, events, unreadable }
}

// Alerts have a topic of their own: in the event log of a proxy they would be folded twice.
const isOfProxy = (event: MtscopeEvent): event is ProxyEvent =>
  event.type !== 'alert.raised' && event.type !== 'alert.cleared'

const lost = (at: number, count: number): ProxyEvent => ({
  v: 1,
  type: 'events.lost',
  at,
  reason: 'unreadable',
  count,
})

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: the caller reports it
  }
}
