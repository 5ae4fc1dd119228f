import { type DialEvents, type Dialer, dialer } from '../datacenter/dial.ts'
import { type Address, addressesOf, addressText, reserveOf } from '../datacenter/directory.ts'
import { type Pool, pool } from '../datacenter/pool.ts'
import type { Emit, Limit } from '../events/contract.ts'
import type { Engine, Link } from '../net/link.ts'
import { type Claim, replayCache } from '../replay-cache/memory.ts'
import { dcOf } from '../wire/obfuscated2.ts'
import { type Fill, randomPool } from '../wire/random.ts'
import type { Flight } from '../wire/server-hello.ts'
import { type Budget, budget } from './budget.ts'
import { room } from './capacity.ts'
import type { Ask } from './claim-requests.ts'
import { addressHasher, prefixKey, prefixOf } from './prefix.ts'
import { greeting } from './sessions/authenticating.ts'
import { MEET_MS, meet } from './sessions/early-host.ts'
import type { Rules } from './sessions/handshake.ts'
import { type Door, door } from './sessions/pending-handshakes.ts'
import { type Meetings, meetings } from './sessions/pending-host.ts'
import { closeSession, FIRST_READ, guarded, openSession, type Session } from './sessions/session.ts'
import { expire, sweep } from './sessions/sweep.ts'
import type { Changeable, RelaySettings } from './settings.ts'

/** What all sessions of one thread share. */
export type Relay = {
  readonly settings: RelaySettings
  readonly endsDeafPeers: boolean
  /** `performance.now()` of a moment ago: what times that need no precision are taken from. */
  now: number
  /** `performance.now()`; a test's own time. */
  clock(): number
  epoch(): number
  rules: Rules
  mask: Address | null
  flight: Flight
  readonly random: Fill
  readonly claim: Claim
  /** The same of all proxies; null: this one is alone. */
  readonly ask: Ask | null
  /** Handshakes that nobody answered for, since the last fact about them. */
  unclaimed: number
  readonly dialer: Dialer
  readonly pool: Pool
  readonly emit: Emit
  /** Takes an exception of our own code, and cannot fail. */
  fault(error: unknown): void
  readonly sessions: Set<Session>
  /** Those of them whose handshake is not complete. */
  readonly greetings: Door
  /** What fronted connections of all threads may pass. */
  readonly budget: Budget
  /** Those that meet the masking host before they are judged. */
  readonly meetings: Meetings
  /** Those that turned out to be no clients, and have a place as such. */
  readonly unauthenticated: Set<Session>
  /** How many sessions have their datacenter. */
  relaying: number
  addresses(id: number): readonly Address[]
  /** Where to dial when all of these have failed. */
  reserve(id: number): readonly Address[]
  missed(id: number, events: Parameters<DialEvents['missed']>, connection?: string): void
  /** How much one read from a datacenter brings now: much while few connections share the cache. */
  toClientSize(): number
  /** Its handshake is complete, or will never be. */
  greeted(session: Session): void
  /** It is no client; false: there are too many of them. */
  admitUnauthenticated(session: Session): boolean
  forget(session: Session): void
  /** So many bytes are kept for it now; false: all clients together would have too many. */
  keep(session: Session, bytes: number): boolean
  accepted(link: Link): void
  refused(limit: Limit): void
  /** No descriptor was left for a client that waits to be accepted. */
  exhausted(): void
  change(change: Partial<Changeable>): void
  /** Time passes. All that the kernel held at `now` has been read: nothing of it is late. */
  pulse(now: number): void
  closeAll(): void
}

/** Between two facts about the same refused limit, and between two looks at every session; ms. */
const SECOND = 1_000
/** Clients without a handshake that make room when descriptors run out. */
const EXPELLED = 16

export const startRelay = (
  engine: Engine,
  settings: RelaySettings,
  emit: Emit,
  fault: (error: unknown) => void,
  ask: Ask | null = null,
  clock: () => number = () => performance.now(),
): Relay => {
  const random = randomPool()
  const id = Buffer.alloc(16)
  const refusals = new Map<Limit, number>()
  const places = room(settings.room, settings.maxConnections, settings.maxHandshakes)
  /** Those that came a moment ago, oldest first. */
  const fresh: Session[] = []
  // Each thread's clock begins with the thread; what they share needs one clock.
  const aheadMs = Number(process.hrtime.bigint()) / 1e6 - clock()
  let directory = settings.directory
  let hashOf = addressHasher(settings.addressKey)
  let sweptAt = 0

  const rulesFor = (users: Changeable['users']): Rules => ({
    users: users.map(({ name, secret }) => ({ name, secret: Buffer.from(secret) })),
    modes: settings.modes,
    tlsDomain: settings.tlsDomain,
    clockSkewSeconds: settings.clockSkewSeconds,
    knows: (of) => relay.addresses(of).length > 0,
  })

  /** Closes a client that only takes a place; false: there is none. */
  const expel = (full: Limit, prefix: number, agedMs: number): boolean => {
    const victim = relay.greetings.victim(prefix, agedMs)
    if (victim === null) return false
    // A flood of one prefix takes places from nobody else: that it is cut is no sign of a proxy that is full.
    relay.refused(relay.greetings.crowds(victim.prefix) ? 'strangers' : full)
    closeSession(victim, 'proxy', 'limit')
    return true
  }

  /** Takes a place for a client of `prefix`, where none is left that of another one. */
  const admitted = (prefix: number): boolean => {
    const full = places.enter()
    if (full === null) return true
    const limit = full === 'connections' ? settings.connectionLimit : full
    // The places of users are full, too: a client that came a moment ago has to get the time for its handshake.
    const agedMs = full === 'connections' ? SECOND : 0
    // Another thread may take the place that was made: up to four are.
    for (let i = 0; i < 4 && expel(limit, prefix, agedMs); i++) if (places.enter() === null) return true
    if (places.enter(relay.greetings.size === 0) === null) return true
    relay.refused(limit)
    return false
  }

  const welcome = (link: Link, prefix: number): void => {
    random(id, 0, 16)
    const session = openSession(relay, link, id.toString('hex'), hashOf(link.remote), prefix)
    link.readSize = FIRST_READ
    link.attach(greeting, session)
    emit({
      v: 1,
      type: 'connection.accepted',
      at: relay.epoch(),
      connection: session.id,
      prefix: prefixOf(link.remote),
      client: session.clientHash,
      family: link.family,
      worker: settings.worker,
    })
    relay.sessions.add(session)
    relay.greetings.enter(session)
    if (relay.mask !== null) fresh.push(session)
  }

  /** One part of the work that time brings: what it throws keeps no other part from its turn. */
  const timed = (work: (now: number) => void, now: number): void => {
    try {
      work(now)
    } catch (error) {
      fault(error)
    }
  }

  const expireLate = (now: number): void => {
    relay.greetings.late(now, (session) => guarded(session, expire))
    while (fresh.length > 0 && now - fresh[0]!.acceptedAt >= MEET_MS) guarded(fresh.shift()!, meet)
  }

  const sweepAll = (now: number): void => {
    if (now - sweptAt < SECOND) return
    sweptAt = now
    for (const session of relay.sessions) guarded(session, sweep)
    for (const [limit, count] of refusals) {
      emit({ v: 1, type: 'limit.refused', at: relay.epoch(), limit, count, worker: settings.worker })
    }
    refusals.clear()
    if (relay.unclaimed === 0) return
    const [action, count] = [settings.sharedReplay ?? 'local', relay.unclaimed]
    emit({ v: 1, type: 'replay.unclaimed', at: relay.epoch(), count, action, worker: settings.worker })
    relay.unclaimed = 0
  }

  const dial = dialer(engine, settings.dialTimeoutMs, fault)
  const relay: Relay = {
    settings,
    endsDeafPeers: engine.endsDeafPeers,
    now: clock(),
    clock,
    epoch: Date.now,
    rules: { users: [], modes: [], tlsDomain: '', clockSkewSeconds: 0, knows: () => false },
    mask: settings.mask,
    flight: settings.flight,
    random,
    claim: replayCache(settings.replay),
    ask,
    unclaimed: 0,
    dialer: dial,
    pool: pool({
      dialer: dial,
      limit: settings.poolSize,
      addresses: (of) => relay.addresses(of),
      reserve: (of) => relay.reserve(of),
      missed: (of, ...events) => relay.missed(of, events),
    }),
    emit,
    fault,
    sessions: new Set(),
    greetings: door(settings, () => relay.clock()),
    budget: budget(settings.budget, () => relay.clock() + aheadMs),
    meetings: meetings(settings.maxHandshakes),
    unauthenticated: new Set(),
    relaying: 0,
    addresses: (of) => addressesOf(directory, of, of < 0),
    reserve: (of) => reserveOf(directory, of, of < 0),
    missed: (of, [address, error, elapsedMs], connection) => {
      const { dc, media } = dcOf(of)
      emit({
        v: 1,
        type: 'datacenter.dial-failed',
        at: relay.epoch(),
        ...(connection === undefined ? {} : { connection }),
        dc,
        media,
        address: addressText(address),
        family: address.family,
        error,
        elapsedMs: Math.round(elapsedMs),
      })
    },
    toClientSize: () => {
      const { low, below, high } = settings.toClientBuffer
      return relay.relaying < below ? high : low
    },
    greeted: (session) => {
      if (relay.greetings.leave(session)) places.greeted()
    },
    admitUnauthenticated: (session) => {
      if (!places.admitUnauthenticated()) return false
      relay.unauthenticated.add(session)
      return true
    },
    forget: (session) => {
      relay.greeted(session)
      relay.keep(session, 0)
      if (session.credit > 0) relay.budget.giveBack(session.prefix, session.credit)
      if (relay.unauthenticated.delete(session)) places.unauthenticatedLeft()
      if (relay.sessions.delete(session)) places.leave()
      if (session.fromClient !== null) relay.relaying--
    },
    keep: (session, bytes) => {
      if (!places.keep(bytes - session.kept)) return false
      session.kept = bytes
      return true
    },
    accepted: (link) => {
      relay.now = relay.clock()
      const prefix = prefixKey(link.remote, settings.prefixSeed)
      if (!admitted(prefix)) return link.close()
      try {
        welcome(link, prefix)
      } catch (error) {
        // It has a place, but no session and no event yet.
        fault(error)
        places.greeted()
        places.leave()
        link.close()
      }
    },
    refused: (limit) => {
      refusals.set(limit, (refusals.get(limit) ?? 0) + 1)
    },
    exhausted: () => {
      relay.refused('file-descriptors')
      for (let i = 0; i < EXPELLED && expel('file-descriptors', 0, SECOND); i++) {}
    },
    change: (change) => {
      if (change.users) relay.rules = rulesFor(change.users)
      if (change.directory) directory = change.directory
      if (change.mask !== undefined) relay.mask = change.mask
      if (change.flight) relay.flight = change.flight
      if (change.addressKey) hashOf = addressHasher(change.addressKey)
    },
    pulse: (now) => {
      relay.now = now
      timed(dial.pulse, now)
      timed(relay.pool.pulse, now)
      timed(expireLate, now)
      timed(sweepAll, now)
    },
    closeAll: () => {
      for (const session of relay.sessions) closeSession(session, 'proxy', 'drain')
      relay.pool.close()
    },
  }
  relay.rules = rulesFor(settings.users)
  return relay
}
