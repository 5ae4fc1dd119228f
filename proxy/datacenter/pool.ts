import { type Dialing, type Link, type LinkEvents, PULSE_MS } from '../net/link.ts'
import { type Demand, openDemand } from './demand.ts'
import type { DialEvents, Dialer } from './dial.ts'
import type { Address } from './directory.ts'

/** An older pooled connection is closed: how long a datacenter keeps a silent one is unknown. */
const MAX_AGE_MS = 30_000
/** A dial whose duration is not known. */
const DIAL_MS = 250
/** Delay before a new dial after a failure. */
const RETRY_MS = 2_000

/** `upstream`: as in `DialEvents`. */
export type Pooled = { link: Link; address: Address; connectedAt: number; upstream?: string }

export type Pool = {
  /** A pooled connection that was alive a moment ago, or null. Counts the demand either way. */
  take(id: number): Pooled | null
  /** Call it often: closes old connections, refills, and lets the demand decay. */
  pulse(now: number): void
  /** Closes the connections through an upstream that has failed. */
  drop(upstream: string): void
  close(): void
  readonly size: number
  /** A connection was taken since the last pulse, which has not been replaced yet. */
  readonly lacks: boolean
}

type Shelf = { pooled: Pooled[]; dialing: number; demand: Demand; retryAt: number }

/**
 * Pooled connections to each datacenter, so that a client does not wait for a dial: as many as recent demand asks for, at most
 * `limit` for one datacenter.
 */
export const pool = (options: {
  dialer: Dialer
  limit: number
  addresses(id: number): readonly Address[]
  reserve(id: number): readonly Address[]
  missed(id: number, ...events: Parameters<DialEvents['missed']>): void
  left?: DialEvents['left']
  clock?: () => number
}): Pool => {
  const { dialer, limit, clock = () => performance.now() } = options
  const shelves = new Map<number, Shelf>()
  const dialing = new Set<Dialing>()
  let closed = false
  let lacks = false

  const replacementMs = (id: number): number => {
    const [best] = options.addresses(id)
    return PULSE_MS + ((best && dialer.times.p95(best)) ?? DIAL_MS)
  }

  const keep = (id: number, shelf: Shelf): void => {
    const over = (): void => {
      if (dialing.delete(dial)) shelf.dialing--
    }
    const failed = (): void => {
      over()
      shelf.retryAt = clock() + RETRY_MS
    }
    const dial = dialer.dial(
      options.addresses(id),
      {
        connected: (link, address, _, upstream) => {
          over()
          const pooled = { link, address, connectedAt: clock(), ...(upstream ? { upstream } : {}) }
          shelf.pooled.push(pooled)
          link.attach(watching, { shelf, pooled })
        },
        missed: (...events) => options.missed(id, ...events),
        ...(options.left ? { left: options.left } : {}),
        failed,
        faulted: failed,
      },
      options.reserve(id),
    )
    dialing.add(dial)
    shelf.dialing++
  }

  return {
    take: (id) => {
      if (limit === 0 || closed) return null
      const shelf = shelfOf(shelves, id, clock())
      lacks = true
      shelf.demand.arrived(clock(), replacementMs(id))
      let pooled = shelf.pooled.pop()
      while (pooled?.link.closed) pooled = shelf.pooled.pop()
      return pooled ?? null
    },
    pulse: (now) => {
      lacks = false
      if (closed) return
      for (const [id, shelf] of shelves) {
        const target = Math.min(limit, shelf.demand.wanted(now))
        closeSurplus(shelf, target, now)
        if (now < shelf.retryAt) continue
        for (let n = shelf.pooled.length + shelf.dialing; n < target; n++) keep(id, shelf)
        if (target === 0 && shelf.pooled.length + shelf.dialing === 0) shelves.delete(id)
      }
    },
    drop: (upstream) => dropAll(shelves, upstream),
    close: () => {
      closed = true
      for (const dial of dialing) dial.cancel()
      dialing.clear()
      for (const { pooled } of shelves.values()) for (const { link } of pooled.splice(0)) link.close()
    },
    get lacks() {
      return lacks
    },
    get size() {
      return [...shelves.values()].reduce((sum, { pooled }) => sum + pooled.length, 0)
    },
  }
}

const dropAll = (shelves: ReadonlyMap<number, Shelf>, upstream: string): void => {
  for (const shelf of shelves.values())
    for (const pooled of shelf.pooled.filter((one) => one.upstream === upstream)) discard({ shelf, pooled })
}

const shelfOf = (shelves: Map<number, Shelf>, id: number, now: number): Shelf => {
  const known = shelves.get(id)
  if (known !== undefined) return known
  const shelf = { pooled: [], dialing: 0, demand: openDemand(now), retryAt: 0 }
  shelves.set(id, shelf)
  return shelf
}

/** Closes connections that are too old, and the oldest beyond `target`. */
const closeSurplus = ({ pooled }: Shelf, target: number, now: number): void => {
  while (pooled.length > target || (pooled.length > 0 && now - pooled[0]!.connectedAt > MAX_AGE_MS))
    pooled.shift()!.link.close()
}

type Shelved = { shelf: Shelf; pooled: Pooled }

const discard = ({ shelf, pooled }: Shelved): void => {
  const at = shelf.pooled.indexOf(pooled)
  if (at >= 0) shelf.pooled.splice(at, 1)
  pooled.link.close()
}

// A datacenter sends nothing before a request: after any byte, the connection cannot be used.
const watching: LinkEvents<Shelved> = {
  bytes: discard,
  drained: () => {},
  ended: discard,
  lost: discard,
  faulted: discard,
}
