import type { Emit, ProxyEvent } from '../../events/contract.ts'
import type { EventBudget } from '../settings.ts'
import { type Accepted, Summary } from './summary.ts'

export type BudgetedEvents = {
  emit: Emit
  /** `now` is `performance.now()`. */
  pulse(now: number): void
  /** Emits every count that is not in an event yet. */
  flush(): void
}

/** The first summary of a flood comes after `SOONEST_MS`, each later one after twice the time of the last. */
const SOONEST_MS = 10_000
const LATEST_MS = 60_000
const LONGEST_PAUSE_MS = 16_000

type Repeated = Extract<ProxyEvent, { type: 'limit.refused' | 'replay.unclaimed' | 'header.refused' }>

/**
 * Adds up counts that come each second during a flood: emits the first soon, the next after 2 s, 4 s and so on up to
 * 16 s. An interval without any count starts over.
 */
const repeatedCounts = (emit: Emit) => {
  const held = new Map<string, Repeated>()
  let pauseMs = 0
  let dueAt = 0
  const flush = (): void => {
    for (const event of held.values()) emit(event)
    held.clear()
  }
  return {
    add: (key: string, event: Repeated): void => {
      held.set(key, { ...event, count: event.count + (held.get(key)?.count ?? 0) })
    },
    flush,
    pulse: (now: number): void => {
      if (now < dueAt) return
      pauseMs = held.size === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, Math.max(2_000, 2 * pauseMs))
      dueAt = now + pauseMs
      flush()
    },
  }
}

/** Tokens of a thread: one for each unauthenticated connection whose events are logged one by one. */
const tokenBucket = ({ burst, perSecond }: EventBudget) => {
  let tokens = burst
  let pulsedAt = Number.NaN
  return {
    take: (): boolean => {
      if (tokens < 1) return false
      tokens--
      return true
    },
    giveBack: (): void => {
      tokens = Math.min(burst, tokens + 1)
    },
    pulse: (now: number): void => {
      if (now > pulsedAt) tokens = Math.min(burst, tokens + ((now - pulsedAt) * perSecond) / 1000)
      pulsedAt = now
    },
  }
}

/** Counts connections and emits a summary, in growing intervals while a flood goes on. */
const summaries = (worker: number, epoch: () => number, emit: Emit) => {
  const summary = new Summary()
  let emptyAt = 0
  let flushedAt = 0
  let since = 0
  let intervalMs = SOONEST_MS
  const flush = (): void => {
    if (summary.isEmpty) return
    const at = epoch()
    const covers = Math.max(0, at - since)
    emit({ v: 1, type: 'connections.summarised', at, worker, intervalMs: covers, ...summary.take() })
  }
  return {
    /** The summary to count in. */
    open: (): Summary => {
      if (summary.isEmpty) since = epoch()
      return summary
    },
    flush,
    pulse: (now: number): void => {
      if (summary.isEmpty) {
        emptyAt = now
        if (now - flushedAt >= LATEST_MS) intervalMs = SOONEST_MS
      } else if (now - emptyAt >= intervalMs) {
        flush()
        flushedAt = now
        emptyAt = now
        intervalMs = Math.min(LATEST_MS, 2 * intervalMs)
      }
    },
  }
}

/** Connections whose handshake is pending, and those that are only counted. */
const openConnections = (
  tokens: ReturnType<typeof tokenBucket>,
  counts: ReturnType<typeof summaries>,
  emit: Emit,
) => {
  /** `kept`: has a token. An event: `connection.accepted` that waits. `counted`: has no events of its own. */
  const open = new Map<string, 'kept' | 'counted' | Accepted>()
  return {
    accepted: (event: Accepted): void => {
      if (!tokens.take()) return void open.set(event.connection, event)
      open.set(event.connection, 'kept')
      emit(event)
    },
    authenticated: (id: string): void => {
      const was = open.get(id)
      if (was === undefined) return
      open.delete(id)
      if (was === 'kept') tokens.giveBack()
      else if (was !== 'counted') emit(was)
    },
    /** Emits a waiting `connection.accepted`, because another event of the connection follows. */
    describe: (id: string): void => {
      const was = open.get(id)
      if (typeof was !== 'object') return
      open.set(id, 'kept')
      emit(was)
    },
    /** Whether the connection is only counted, from now on. */
    isCounted: (id: string): boolean => {
      const was = open.get(id)
      if (was === 'counted') return true
      if (was === undefined || was === 'kept' || tokens.take()) {
        open.delete(id)
        if (typeof was === 'object') emit(was)
        return false
      }
      counts.open().accept(was)
      open.set(id, 'counted')
      return true
    },
    closed: (id: string): void => void open.delete(id),
  }
}

/**
 * Bounds what unauthenticated clients write into the event log. A connection takes a token at accept and returns it when it
 * is authenticated. Without a token its `connection.accepted` waits: it is emitted unchanged before the next event of an
 * authenticated client, or counted in a `connections.summarised` with its rejection and close. Totals stay exact.
 */
export const eventBudget = (
  budget: EventBudget,
  worker: number,
  epoch: () => number,
  emit: Emit,
): BudgetedEvents => {
  const tokens = tokenBucket(budget)
  const counts = summaries(worker, epoch, emit)
  const repeats = repeatedCounts(emit)
  const open = openConnections(tokens, counts, emit)
  return {
    emit: (event) => {
      switch (event.type) {
        case 'connection.accepted':
          return open.accepted(event)
        case 'handshake.rejected':
          if (!open.isCounted(event.connection)) break
          return counts.open().refuse(event)
        case 'connection.closed':
          if (!open.isCounted(event.connection)) break
          open.closed(event.connection)
          return counts.open().close(event)
        case 'handshake.accepted':
          open.authenticated(event.connection)
          break
        case 'limit.refused':
          return repeats.add(event.limit, event)
        case 'header.refused':
          return repeats.add(`${event.reason} ${event.listener}`, event)
        case 'replay.unclaimed':
          return repeats.add(event.action, event)
        case 'datacenter.dial-failed':
        case 'upstream.failed':
          // The dial of a handshake whose claim is pending.
          if (event.connection !== undefined) open.describe(event.connection)
      }
      emit(event)
    },
    pulse: (now) => {
      repeats.pulse(now)
      tokens.pulse(now)
      counts.pulse(now)
    },
    flush: () => {
      repeats.flush()
      counts.flush()
    },
  }
}
