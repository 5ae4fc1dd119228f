import type { CloseCount, Emit, PrefixCount, ProxyEvent, RefusalCount } from '../../events/contract.ts'
import type { EventBudget } from '../settings.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>
type Accepted = Of<'connection.accepted'>
type Rejected = Of<'handshake.rejected'>
type Closed = Of<'connection.closed'>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export type BudgetedEvents = {
  emit: Emit
  /** `now` is `performance.now()`. */
  pulse(now: number): void
  /** Emits what is counted and in no summary yet. */
  flush(): void
}

/** The first summary of a flood comes after so long, each later one after twice as long. */
const SOONEST_MS = 10_000
const LATEST_MS = 60_000
const LONGEST_PAUSE_MS = 16_000
/** In one summary: beyond these they are `other`. Whoever has no secret can make fingerprints up, but no users. */
const MOST_FINGERPRINTS = 16
const MOST_USERS = 64
const MOST_PREFIXES = 1_024
const TOLD_PREFIXES = 16
const GROUPS = 64
const MOST_SKEW_SECONDS = 86_400

type Refusals = Mutable<Omit<RefusalCount, 'groups'>> & { groups?: Map<number, number> }

/** Itself while there is room for it in `names`, else `other`. */
const named = (names: Set<string>, name: string, most: number): string => {
  if (!names.has(name) && names.size >= most) return 'other'
  names.add(name)
  return name
}

/** What has been counted since the last summary; its size is bounded, whatever comes. */
const openSummary = () => {
  const refusals = new Map<string, Refusals>()
  const closes = new Map<string, Mutable<CloseCount>>()
  const prefixes = new Map<string, number>()
  const fingerprints = new Set<string>()
  const users = new Set<string>()
  let accepted = 0

  const refusalsLike = ({ reason, fronted, skewSeconds, ...of }: Rejected): Refusals => {
    const ja4 = of.ja4 && named(fingerprints, of.ja4, MOST_FINGERPRINTS)
    const user = of.user && named(users, of.user, MOST_USERS)
    const side = skewSeconds === undefined ? '-' : skewSeconds > 0
    const key = `${reason} ${fronted} ${side} ${ja4} ${user}`
    const known = refusals.get(key)
    if (known !== undefined) return known
    const fresh: Refusals = { reason, fronted, count: 0, ...(ja4 && { ja4 }), ...(user && { user }) }
    refusals.set(key, fresh)
    return fresh
  }

  const toldRefusal = ({ groups, ...refusal }: Refusals): RefusalCount =>
    groups === undefined
      ? refusal
      : { ...refusal, groups: [...groups].map(([group, count]) => ({ group, count })) }

  const toldPrefixes = (): PrefixCount[] =>
    [...prefixes]
      .map(([prefix, count]) => ({ prefix, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, TOLD_PREFIXES)

  return {
    get isEmpty() {
      return accepted === 0 && refusals.size === 0 && closes.size === 0
    },
    accept: ({ prefix }: Accepted): void => {
      accepted++
      const count = prefixes.get(prefix)
      if (count !== undefined || prefixes.size < MOST_PREFIXES) prefixes.set(prefix, (count ?? 0) + 1)
    },
    refuse: (event: Rejected): void => {
      const like = refusalsLike(event)
      like.count++
      if (event.reason !== 'replayed' && event.reason !== 'clock-skew') return
      if (event.reason === 'clock-skew' && event.skewSeconds !== undefined) {
        const seconds = Math.max(-MOST_SKEW_SECONDS, Math.min(MOST_SKEW_SECONDS, event.skewSeconds))
        like.skewSeconds = (like.skewSeconds ?? 0) + seconds
      }
      // As the collector groups clients whose rejections it gets one by one: `slotOf` in its key.ts.
      const group = Number.parseInt(event.client.slice(0, 4), 16) % GROUPS
      like.groups ??= new Map()
      like.groups.set(group, (like.groups.get(group) ?? 0) + 1)
    },
    close: ({ by, phase, reason, untoldToClient, untoldToDatacenter }: Closed): void => {
      const key = `${by} ${phase} ${reason}`
      const like = closes.get(key) ?? { by, phase, reason, count: 0, bytesToClient: 0, bytesToDatacenter: 0 }
      closes.set(key, like)
      like.count++
      like.bytesToClient += untoldToClient
      like.bytesToDatacenter += untoldToDatacenter
    },
    /** All of it; begins again from nothing. */
    take: (): Pick<Of<'connections.summarised'>, 'accepted' | 'prefixes' | 'refusals' | 'closes'> => {
      const taken = {
        accepted,
        prefixes: toldPrefixes(),
        refusals: [...refusals.values()].map(toldRefusal),
        closes: [...closes.values()],
      }
      for (const each of [refusals, closes, prefixes, fingerprints, users]) each.clear()
      accepted = 0
      return taken
    },
  }
}

type Repeated = Of<'limit.refused'> | Of<'replay.unclaimed'>

/**
 * Adds up counts that come each second while a flood goes on: the first is emitted soon, the next after 2 s, 4 s and so on
 * to 16 s. A pause without any begins again.
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

/**
 * Between the sessions of a thread and its event queue: bounds what unauthenticated clients write into the log. Each
 * connection takes a token when it is accepted and gives it back when it is authenticated. Without a token its
 * `connection.accepted` waits for the judgement: it goes out, unchanged, before the next event of an authenticated
 * client, or is counted in a `connections.summarised` together with its rejection and close. Totals stay exact.
 */
export const eventBudget = (
  budget: EventBudget,
  worker: number,
  epoch: () => number,
  emit: Emit,
): BudgetedEvents => {
  /** Connections that are not judged yet: with a token, or the event that waits; and those that are only counted. */
  const open = new Map<string, 'kept' | 'counted' | Accepted>()
  const summary = openSummary()
  const repeats = repeatedCounts(emit)
  let tokens = budget.burst
  let pulsedAt = Number.NaN
  let emptyAt = 0
  let flushedAt = 0
  let since = 0
  let intervalMs = SOONEST_MS

  const counting = (): ReturnType<typeof openSummary> => {
    if (summary.isEmpty) since = epoch()
    return summary
  }

  const take = (): boolean => {
    if (tokens < 1) return false
    tokens--
    return true
  }

  const authenticated = (id: string): void => {
    const was = open.get(id)
    if (was === undefined) return
    open.delete(id)
    if (was === 'kept') tokens = Math.min(budget.burst, tokens + 1)
    else if (was !== 'counted') emit(was)
  }

  /** An event about the connection comes before it is judged. */
  const describe = (id: string): void => {
    const was = open.get(id)
    if (typeof was !== 'object') return
    open.set(id, 'kept')
    emit(was)
  }

  /** True when the connection is, from now on, only counted. */
  const isCounted = (id: string): boolean => {
    const was = open.get(id)
    if (was === 'counted') return true
    if (was === undefined || was === 'kept' || take()) {
      open.delete(id)
      if (typeof was === 'object') emit(was)
      return false
    }
    counting().accept(was)
    open.set(id, 'counted')
    return true
  }

  const flush = (): void => {
    repeats.flush()
    if (summary.isEmpty) return
    const at = epoch()
    const covers = Math.max(0, at - since)
    emit({ v: 1, type: 'connections.summarised', at, worker, intervalMs: covers, ...summary.take() })
  }

  return {
    emit: (event) => {
      switch (event.type) {
        case 'connection.accepted':
          if (take()) {
            open.set(event.connection, 'kept')
            break
          }
          open.set(event.connection, event)
          return
        case 'handshake.rejected':
          if (!isCounted(event.connection)) break
          return counting().refuse(event)
        case 'connection.closed':
          if (!isCounted(event.connection)) break
          open.delete(event.connection)
          return counting().close(event)
        case 'handshake.accepted':
          authenticated(event.connection)
          break
        case 'limit.refused':
          return repeats.add(event.limit, event)
        case 'replay.unclaimed':
          return repeats.add(event.action, event)
        case 'datacenter.dial-failed':
          // Of a handshake that all proxies are still asked about.
          if (event.connection !== undefined) describe(event.connection)
      }
      emit(event)
    },
    pulse: (now) => {
      repeats.pulse(now)
      if (now > pulsedAt)
        tokens = Math.min(budget.burst, tokens + ((now - pulsedAt) * budget.perSecond) / 1000)
      pulsedAt = now
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
    flush,
  }
}
