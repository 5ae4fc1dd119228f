import { dialer } from '../datacenter/dial.ts'
import { pool } from '../datacenter/pool.ts'
import { upstreamsOf } from '../datacenter/upstreams.ts'
import type { Emit } from '../events/contract.ts'
import { type Engine, type Link, PULSE_MS } from '../net/link.ts'
import { blocking } from '../networks/access.ts'
import { networksOf } from '../networks/network-set.ts'
import { replayCache } from '../replay-cache/memory.ts'
import { userCounts } from '../user-limits/counts.ts'
import { rateOf } from '../user-limits/rate.ts'
import { randomPool } from '../wire/random.ts'
import { freeDescriptors } from './admission.ts'
import { arrive, closeArriving, emitRefusedHeaders, expireArriving } from './arriving.ts'
import { budget } from './budget.ts'
import { capacity } from './capacity.ts'
import type { Ask } from './claim-requests.ts'
import { addressHasher } from './prefix.ts'
import { closeSession, guarded } from './sessions/closing.ts'
import { addresses, emitDialFailed, emitUpstreamFailed, reserve } from './sessions/connecting.ts'
import { dialEarly, EARLY_AFTER_MS } from './sessions/early-host.ts'
import { endGone } from './sessions/gone-users.ts'
import type { User } from './sessions/handshake.ts'
import { pendingHandshakes } from './sessions/pending-handshakes.ts'
import { earlyHosts } from './sessions/pending-host.ts'
import { recentUsers } from './sessions/recent-users.ts'
import type { Listener, Relay } from './sessions/session.ts'
import { expire, sweep } from './sessions/sweep.ts'
import { readOn } from './sessions/throttle.ts'
import { openMiddle, servesThroughMiddle } from './sessions/through-middle.ts'
import { isDisabled } from './sessions/user-place.ts'
import type { Changeable, Domains, RelayListener, RelaySettings } from './settings.ts'
import { SEARCH_MS, turns } from './turns.ts'

/** The data plane of one thread. */
export type RunningRelay = Relay & {
  /** Takes a client of a listener over. */
  accepted(link: Link, listener?: number): void
  /** No descriptor was left for a client that waits to be accepted. */
  exhausted(): void
  change(change: Partial<Changeable>): void
  /** Runs what is due. Everything that the kernel held at `now` has been read: none of it is late. */
  pulse(now: number): void
  /** How long it may wait for the next pulse, ms. */
  patience(): number
  closeAll(): void
}

/** How late a handshake may time out. */
const HANDSHAKES_MS = 250

/** Between two events about the same refused limit, and between two sweeps; ms. */
const SECOND = 1_000

export const startRelay = (
  engine: Engine,
  settings: RelaySettings,
  emit: Emit,
  fault: (error: unknown) => void,
  ask: Ask | null = null,
  clock: () => number = () => performance.now(),
): RunningRelay => {
  const relay = openRelay(engine, settings, emit, fault, ask, clock)
  const { fresh } = relay
  const expireLate = (now: number): void => {
    if (relay.arriving.size > 0) expireArriving(relay, now)
    relay.handshakes.expireLate(now, (session) => guarded(session, expire))
    while (fresh.length > 0 && (fresh[0]!.handshake === null || now - fresh[0]!.acceptedAt >= EARLY_AFTER_MS))
      guarded(fresh.shift()!, dialEarly)
  }
  let sweptAt = 0
  const sweepAll = (now: number): void => {
    if (now - sweptAt < SECOND) return
    sweptAt = now
    for (const session of relay.sessions) guarded(session, sweep)
    emitCounts(relay)
    emitRefusedHeaders(relay)
  }
  const due = [
    relay.dialer.pulse,
    relay.pool.pulse,
    (now: number): void => relay.middle?.pulse(now),
    expireLate,
    sweepAll,
    () => readOn(relay),
    relay.lookup.turns.pulse,
  ]
  return Object.assign(relay, {
    accepted: (link: Link, listener = 0): void => arrive(relay, link, relay.listeners[listener]!),
    exhausted: (): void => freeDescriptors(relay),
    change: (change: Partial<Changeable>): void => apply(relay, change),
    pulse: (now: number): void => {
      relay.now = now
      for (const work of due) {
        try {
          work(now)
        } catch (error) {
          // The other parts still run.
          fault(error)
        }
      }
    },
    patience: (): number => {
      if (relay.lookup.turns.size > 0) return SEARCH_MS
      if (fresh.length > 0 || relay.throttled.size > 0) return PULSE_MS
      if (relay.dialer.inFlight > 0 || relay.pool.lacks || relay.middle?.lacks) return PULSE_MS
      return relay.handshakes.size + relay.arriving.size > 0 ? HANDSHAKES_MS : SECOND
    },
    closeAll: (): void => {
      closeArriving(relay)
      for (const session of relay.sessions) closeSession(session, 'proxy', 'drain')
      relay.pool.close()
      relay.middle?.close()
    },
  })
}

const listenersOf = (settings: RelaySettings, knows: (id: number) => boolean): Listener[] => {
  const users = relayUsers(settings.users, [])
  return settings.listeners.map((listener) => ({
    name: listener.name,
    rules: {
      users,
      asked: 0,
      modes: listener.modes ?? settings.modes,
      domains: domainsFor(listener, settings.domains),
      clockSkewSeconds: settings.clockSkewSeconds,
      knows,
    },
    trusts: listener.proxyProtocolFrom === null ? null : networksOf(listener.proxyProtocolFrom).has,
  }))
}

const openRelay = (
  engine: Engine,
  settings: RelaySettings,
  emit: Emit,
  fault: (error: unknown) => void,
  ask: Ask | null,
  clock: () => number,
): Relay => {
  const upstreams = settings.upstreams && upstreamsOf(settings.upstreams, (name) => relay.pool.drop(name))
  const dial = dialer(engine, settings.dialTimeoutMs, fault, clock, upstreams)
  // Each thread's clock begins with the thread; the shared budget needs one clock.
  const aheadMs = Number(process.hrtime.bigint()) / 1e6 - clock()
  const counts = userCounts(settings.userCounts, settings.workers, settings.worker)
  const relay: Relay = {
    settings,
    endsDeafPeers: engine.endsDeafPeers,
    now: clock(),
    clock,
    epoch: Date.now,
    listeners: listenersOf(
      settings,
      (id) => addresses(relay, id).length > 0 || servesThroughMiddle(relay, id),
    ),
    directory: settings.directory,
    middleProxies: settings.middleProxies,
    ourAddress: settings.ourAddress,
    isBlocked: blocking(settings.access),
    lookup: { recent: recentUsers(), turns: turns(clock) },
    hashOf: addressHasher(settings.addressKey),
    random: randomPool(),
    claim: replayCache(settings.replay),
    ask,
    unclaimed: 0,
    refusals: new Map(),
    refusedHeaders: new Map(),
    arriving: new Set(),
    fresh: [],
    dialer: dial,
    upstreams,
    pool: pool({
      dialer: dial,
      clock,
      limit: settings.poolSize,
      addresses: (id) => addresses(relay, id),
      reserve: (id) => reserve(relay, id),
      missed: (id, ...miss) => emitDialFailed(relay, id, ...miss),
      left: (...miss) => emitUpstreamFailed(relay, ...miss),
    }),
    middle: settings.useMiddleProxy ? openMiddle(settings, dial, clock, () => relay) : null,
    emit,
    fault,
    capacity: capacity(settings.capacity, settings.worker, settings.maxConnections, settings.maxHandshakes),
    sessions: new Set(),
    handshakes: pendingHandshakes(settings, () => relay.clock()),
    budget: budget(settings.budget, () => relay.clock() + aheadMs),
    earlyHosts: earlyHosts(settings.maxHandshakes),
    classes: new Set(),
    newHello: null,
    unauthenticated: new Set(),
    relaying: 0,
    userCounts: counts,
    userRates: rateOf(counts, () => relay.clock() + aheadMs),
    throttled: new Set(),
  }
  return relay
}

/** A user whose secret stays keeps its object: open connections see its new limits. */
const relayUsers = (users: Changeable['users'], before: readonly User[]): User[] => {
  const known = new Map(before.map((user) => [user.name, user]))
  return users.map(({ name, secret, limited, adTag }) => {
    const same = known.get(name)
    const user = same?.secret.equals(secret) ? same : { name, secret: Buffer.from(secret) }
    return Object.assign(user, { limited, adTag })
  })
}

/** The domains of a listener, the default first. */
const domainsFor = ({ domains }: RelayListener, table: Domains): Domains => {
  const [first, ...others] = (domains ?? []).flatMap(
    (name) => table.find((domain) => domain.name === name) ?? [],
  )
  return first === undefined ? table : [first, ...others]
}

const apply = (relay: Relay, change: Partial<Changeable>): void => {
  // The listeners share the list, which has the user of the latest handshake first.
  const users = change.users && relayUsers(change.users, relay.listeners[0]!.rules.users)
  for (const [i, listener] of relay.listeners.entries()) {
    const domains = change.domains && domainsFor(relay.settings.listeners[i]!, change.domains)
    listener.rules = { ...listener.rules, ...(users && { users }), ...(domains && { domains }) }
  }
  if (users) {
    relay.now = relay.clock()
    relay.lookup.recent.keep(users)
    endGone(
      relay,
      users.filter((user) => !isDisabled(relay, user)),
    )
  }
  if (change.directory) relay.directory = change.directory
  if (change.middleProxies !== undefined) {
    relay.middleProxies = change.middleProxies
    // Without advertising mode, for datacenters that the directory lacks.
    if (change.middleProxies !== null)
      relay.middle ??= openMiddle(relay.settings, relay.dialer, relay.clock, () => relay)
  }
  if (change.ourAddress) relay.ourAddress = change.ourAddress
  if (change.upstreams) relay.upstreams?.change(change.upstreams)
  if (change.access) relay.isBlocked = blocking(change.access)
  if (change.addressKey) relay.hashOf = addressHasher(change.addressKey)
}

/** Emits refusals and unanswered claims since the last call. */
const emitCounts = (relay: Relay): void => {
  const { settings, refusals, unclaimed } = relay
  const { worker } = settings
  for (const [limit, count] of refusals) {
    relay.emit({ v: 1, type: 'limit.refused', at: relay.epoch(), limit, count, worker })
  }
  refusals.clear()
  if (unclaimed === 0) return
  relay.unclaimed = 0
  const action = settings.sharedReplay ?? 'local'
  relay.emit({ v: 1, type: 'replay.unclaimed', at: relay.epoch(), count: unclaimed, action, worker })
}
