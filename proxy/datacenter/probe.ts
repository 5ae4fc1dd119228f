import { setTimeout as pause } from 'node:timers/promises'
import type { DialError, Emit, Family } from '../events/contract.ts'
import { testDatacenters } from '../wire/datacenter-number.ts'
import { randomPool } from '../wire/random.ts'
import { type Address, addressText, type Directory } from './directory.ts'
import { rankingOf } from './ranking.ts'
import { type Probe, probe } from './res-pq.ts'
import type { UpstreamProbes } from './upstream-probes.ts'

export type Prober = {
  /** Addresses of each datacenter, best first; in the order of the directory before the first results. */
  readonly ranked: () => Directory
  /** Resolves after `signal`, when no probe is under way. */
  readonly stopped: Promise<void>
}

type Target = { readonly id: number; readonly address: Address; unreachable: number }

const timeoutMs = 5_000
const inFlight = 4
const jitter = 0.1
/** The first round ends soon after the start, even with a long interval. */
const firstRoundMs = 2_000
/** A family without a route is probed every 2, 4, 8 and finally 16 intervals. */
const rarest = 16

/** Runs `width` works at a time; the others wait in order. */
const gate = (width: number) => {
  const waiting: (() => void)[] = []
  let free = width
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

/**
 * Probes every address of every datacenter once in `intervalMs` on average, with jitter. Emits `datacenter.probed`, and calls
 * `onRanking` with all addresses when an order has changed.
 */
export const startProber = (options: {
  readonly directory: Directory
  readonly intervalMs: number
  readonly emit: Emit
  /** Epoch, ms. */
  readonly now: () => number
  readonly signal: AbortSignal
  readonly onRanking?: (ranked: Directory) => void
  /** 0–1, for the jitter. */
  readonly random?: () => number
  /** Probes through an upstream; absent with UPSTREAMS=direct. */
  readonly through?: UpstreamProbes
}): Prober => {
  const { directory, intervalMs, emit, now, signal, onRanking, random = Math.random, through } = options
  const targets: Target[] = [...directory]
    // No user's account is in a test datacenter.
    .filter(([id]) => Math.abs(id) < testDatacenters)
    .flatMap(([id, addresses]) => addresses.map((address) => ({ id, address, unreachable: 0 })))
  const ranking = rankingOf(directory)
  const oneOfFew = gate(inFlight)
  const fill = randomPool(1024)

  const report = ({ id, address }: Target, outcome: Probe): void =>
    emit({
      v: 1,
      type: 'datacenter.probed',
      at: now(),
      ...(through === undefined ? {} : { upstream: through.name }),
      dc: Math.abs(id),
      media: id < 0,
      family: address.family,
      address: addressText(address),
      ...(outcome.ok
        ? { tcpMs: outcome.tcpMs, resPqMs: outcome.resPqMs }
        : { error: outcome.error as DialError }), // the other errors are of upstreams
    })

  const once = async (target: Target): Promise<void> => {
    const { id, address } = target
    const ask = through?.probe ?? probe
    const outcome = await ask({ id, address, random: fill, timeoutMs, signal })
    if (signal.aborted || outcome === null) return
    target.unreachable = !outcome.ok && outcome.error === 'unreachable' ? target.unreachable + 1 : 0
    report(target, outcome)
    // A lack of descriptors on this host is not a fault of the address.
    if (!outcome.ok && outcome.error === 'no-descriptors') return
    const changed = ranking.record(target.id, target.address, outcome.ok ? outcome.resPqMs : null)
    if (changed) onRanking?.(ranking.ranked())
  }

  const routeless = (family: Family): boolean =>
    targets.every(({ address, unreachable }) => address.family !== family || unreachable > 0)

  const wait = ({ address, unreachable }: Target): number => {
    const times = routeless(address.family) ? Math.min(2 ** unreachable, rarest) : 1
    return intervalMs * times * (1 + jitter * (2 * random() - 1))
  }

  const watch = async (target: Target, index: number): Promise<void> => {
    let delay = (Math.min(firstRoundMs, intervalMs) * index) / targets.length
    while (!signal.aborted) {
      await pause(delay, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted) await oneOfFew(() => once(target))
      delay = wait(target)
    }
  }

  const stopped = Promise.all(targets.map(watch)).then(() => {})
  return { ranked: ranking.ranked, stopped }
}
