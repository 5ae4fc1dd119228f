import type { Dialer } from '../datacenter/dial.ts'
import { type Address, addressText } from '../datacenter/directory.ts'
import type { DialError } from '../events/contract.ts'
import type { Dialing, Link } from '../net/link.ts'
import { testDatacenters } from '../wire/datacenter-number.ts'
import { MiddleConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { type MiddleProxies, middleProxiesOf, type OurAddress } from './directory.ts'
import type { StreamClient } from './stream.ts'
import type { Thread } from './thread.ts'

/** Clients of one connection before another one is opened. */
export const FULL = 16
/** An address that failed is tried again after this time; ms. */
export const RETRY_MS = 5_000
/** For so long after its last client, a datacenter without a connection gets a new one; ms. */
const WANTED_MS = 600_000

/** Where a stream was opened. */
export type Reached = { link: Link; address: Address; pooled: boolean; elapsedMs: number }

export type MiddleEvents = {
  connected(reached: Reached): void
  /** All middle proxies of the datacenter are away. */
  failed(error: DialError): void
  faulted(): void
}

export type MiddlePool = {
  /**
   * Opens a stream for a client: calls one of `events`, immediately where a connection or the lack of all of them is known
   * (then it returns null). `id` is the signed number of the datacenter.
   */
  open(id: number, client: StreamClient, events: MiddleEvents): Dialing | null
  /** Whether the datacenter has middle proxies, or another one's serve it. */
  serves(id: number): boolean
  pulse(now: number): void
  close(): void
  /** Connections that are ready. */
  readonly size: number
  /** A connection is under way. */
  readonly lacks: boolean
}

type Waiting = { readonly client: StreamClient; readonly events: MiddleEvents; readonly since: number }

/** The middle proxies of one datacenter. */
type Group = {
  readonly id: number
  /** A dial or a handshake that is under way. */
  opening: Dialing | null
  readonly waiting: Set<Waiting>
  /** All addresses failed, and none has been reached since. */
  away: DialError | null
  usedAt: number
}

export type PoolOptions = {
  readonly thread: Thread
  readonly dialer: Dialer
  /** Connections to each middle proxy at most. */
  readonly limit: number
  readonly handshakeMs: number
  proxies(): MiddleProxies | null
  ourAddress(): OurAddress
  missed(id: number, address: Address, error: DialError, elapsedMs: number): void
}

/** Connections of one thread to middle proxies, each shared by many clients. */
class Pool implements MiddlePool {
  readonly #options: PoolOptions
  readonly #groups = new Map<number, Group>()
  readonly #connections = new Connections()
  readonly #retryAt = new Map<string, number>()
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#connections.all().filter(({ isReady }) => isReady).length
  }

  get lacks(): boolean {
    return [...this.#groups.values()].some(({ opening }) => opening !== null)
  }

  serves(id: number): boolean {
    return this.#addressesOf(this.#groupId(id)).length > 0
  }

  open(id: number, client: StreamClient, events: MiddleEvents): Dialing | null {
    const { thread } = this.#options
    const group = this.#groupOf(this.#groupId(id))
    group.usedAt = thread.now
    const best = this.#best(group)
    if (best === null && group.away === null) {
      const waiting = { client, events, since: thread.clock() }
      group.waiting.add(waiting)
      if (group.opening === null) this.#openOne(group)
      if (!group.waiting.has(waiting)) return null
      return { cancel: () => void group.waiting.delete(waiting) }
    }
    if (best === null || best.clients >= FULL) this.#openOne(group)
    if (best === null) events.failed(group.away ?? 'unreachable')
    else events.connected({ link: best.open(client), address: best.address, pooled: true, elapsedMs: 0 })
    return null
  }

  pulse(now: number): void {
    this.#options.thread.now = now
    for (const connection of this.#connections.all()) connection.pulse(now, this.#options.handshakeMs)
    for (const group of this.#groups.values()) {
      if (this.#best(group) !== null) continue
      if (now - group.usedAt < WANTED_MS) this.#openOne(group)
      else if (group.opening === null) this.#groups.delete(group.id)
    }
    const groups = [...this.#groups.values()]
    this.#connections.closeSpare(
      now,
      new Set(groups.flatMap(({ id }) => this.#addressesOf(id).map(addressText))),
    )
  }

  close(): void {
    this.#closed = true
    for (const { opening } of this.#groups.values()) opening?.cancel()
    for (const connection of this.#connections.all()) connection.close()
  }

  /** The datacenter whose middle proxies serve `id`: media falls back to the plain one, both to the default one. */
  #groupId(id: number): number {
    const proxies = this.#options.proxies()
    if (proxies === null || proxies.byDc.has(id) || Math.abs(id) >= testDatacenters) return id
    return proxies.byDc.has(Math.abs(id)) ? Math.abs(id) : proxies.defaultDc
  }

  #addressesOf(id: number): readonly Address[] {
    const proxies = this.#options.proxies()
    return proxies === null ? [] : middleProxiesOf(proxies, id, id < 0)
  }

  #groupOf(id: number): Group {
    const known = this.#groups.get(id)
    if (known !== undefined) return known
    const { now } = this.#options.thread
    const group: Group = { id, opening: null, waiting: new Set(), away: null, usedAt: now }
    this.#groups.set(id, group)
    return group
  }

  /** The ready connection with the fewest clients. */
  #best({ id }: Group): MiddleConnection | null {
    let best: MiddleConnection | null = null
    for (const address of this.#addressesOf(id))
      for (const connection of this.#connections.to(address))
        if (connection.isReady && (best === null || connection.clients < best.clients)) best = connection
    return best
  }

  /** The addresses that may get another connection: those with the fewest first, in random order among equals. */
  #candidates({ id }: Group): Address[] {
    const { thread, limit } = this.#options
    const dice = Buffer.alloc(4)
    return this.#addressesOf(id)
      .filter((address) => thread.now >= (this.#retryAt.get(addressText(address)) ?? 0))
      .map((address) => {
        thread.random(dice, 0, 4)
        const { length } = this.#connections.to(address)
        return { address, length, order: length + dice.readUInt32LE(0) / 2 ** 32 }
      })
      .filter(({ length }) => length < limit)
      .sort((one, other) => one.order - other.order)
      .map(({ address }) => address)
  }

  /** Opens one more connection for a datacenter, unless one is under way or none is possible. */
  #openOne(group: Group): void {
    if (this.#closed || group.opening !== null) return
    const { dialer, thread, missed } = this.#options
    const candidates = this.#candidates(group)
    if (candidates.length === 0) return this.#unreached(group, group.away ?? 'unreachable')
    const startedAt = thread.clock()
    let failure: DialError = 'unreachable'
    // From this host: an upstream would hide the address that goes into the keys.
    group.opening = dialer.dialDirect(candidates, {
      connected: (link, address) => this.#handshake(group, link, address, startedAt),
      missed: (address, error, elapsedMs) => {
        failure = error
        this.#failed(address)
        missed(group.id, address, error, elapsedMs)
      },
      failed: () => {
        group.opening = null
        this.#unreached(group, failure)
      },
      faulted: () => {
        group.opening = null
        this.#unreached(group, failure)
      },
    })
  }

  #failed(address: Address): void {
    this.#retryAt.set(addressText(address), this.#options.thread.now + RETRY_MS)
  }

  #handshake(group: Group, link: Link, address: Address, startedAt: number): void {
    const { thread, proxies, ourAddress, missed } = this.#options
    const published = proxies()
    if (published === null) {
      group.opening = null
      link.close()
      return this.#unreached(group, 'unreachable')
    }
    let ready = false
    const connection = new MiddleConnection({
      thread,
      link,
      address,
      secret: Buffer.from(published.secret),
      ours: ourAddress(),
      ready: () => {
        ready = true
        group.opening = null
        this.#retryAt.delete(addressText(address))
        this.#serve()
      },
      lost: (lost, error) => {
        this.#connections.forget(lost)
        missed(group.id, address, error, thread.clock() - startedAt)
        // One that has worked is dialed again when the next client comes.
        if (ready) return
        this.#failed(address)
        group.opening = null
        // The other addresses of the datacenter are tried before its clients are refused.
        this.#openOne(group)
      },
    })
    this.#connections.add(connection)
    group.opening = {
      cancel: () => {
        this.#connections.forget(connection)
        connection.close()
      },
    }
  }

  /** Gives streams to the clients that wait, in every datacenter that has a connection now. */
  #serve(): void {
    for (const group of this.#groups.values()) {
      if (this.#best(group) !== null) group.away = null
      for (const waiting of group.waiting) {
        const best = this.#best(group)
        if (best === null) break
        group.waiting.delete(waiting)
        this.#guarded(waiting, () => {
          const elapsedMs = this.#options.thread.clock() - waiting.since
          const { address } = best
          waiting.events.connected({ link: best.open(waiting.client), address, pooled: false, elapsedMs })
        })
      }
    }
  }

  #unreached(group: Group, error: DialError): void {
    if (this.#best(group) === null) group.away = error
    for (const waiting of group.waiting) {
      group.waiting.delete(waiting)
      this.#guarded(waiting, () => waiting.events.failed(error))
    }
  }

  #guarded({ events }: Waiting, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.thread.report(error)
      events.faulted()
    }
  }
}

export const middlePool = (options: PoolOptions): MiddlePool => new Pool(options)
