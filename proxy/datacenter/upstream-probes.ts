import type { Emit, UpstreamError } from '../events/contract.ts'
import { type Probe, type ProbeOptions, probe } from './res-pq.ts'
import { isReady, serves, type Upstream } from './upstream.ts'

/** Failures in a row of the upstream itself after which it is down. */
const OWN_FAILURES = 2
/** Failures in a row of any kind: at least so many, and a whole round of the addresses. */
const FAILURES = 3

/** Probes through one upstream. */
export type UpstreamProbes = {
  readonly name: string
  /**
   * The answer of a datacenter. Null: the upstream failed, which was emitted; it cannot reach the address; or it is down and
   * was probed a moment ago.
   */
  probe(options: ProbeOptions): Promise<Probe | null>
}

/** The probe of an upstream that cannot be dialed. */
const unready = ({ kind }: Upstream): Probe => ({
  ok: false,
  hop: 'upstream',
  error: kind === 'bind' ? 'no-source' : 'unreachable',
})

/** Judges an upstream by its probes, and calls `changed` when it goes down or comes back. */
export const upstreamProbes = (options: {
  readonly current: () => Upstream
  /** How many addresses are probed. */
  readonly targets: number
  readonly intervalMs: number
  readonly emit: Emit
  /** Epoch, ms. */
  readonly now: () => number
  readonly changed: (down: boolean, error: UpstreamError | null) => void
}): UpstreamProbes => {
  const { current, targets, intervalMs, emit, now, changed } = options
  const { name } = current()
  let down = false
  let own = 0
  let all = 0
  let probedAt = Number.NEGATIVE_INFINITY

  const judge = (outcome: Probe): void => {
    // A lack of descriptors on this host is not a fault of the upstream.
    if (!outcome.ok && outcome.error === 'no-descriptors') return
    own = !outcome.ok && outcome.hop === 'upstream' ? own + 1 : 0
    all = outcome.ok ? 0 : all + 1
    const isDown = outcome.ok ? false : down || own >= OWN_FAILURES || all >= Math.max(FAILURES, targets)
    if (isDown === down) return
    down = isDown
    changed(down, outcome.ok ? null : outcome.error)
  }

  return {
    name,
    probe: async (options) => {
      const upstream = current()
      const startedAt = performance.now()
      const ready = isReady(upstream)
      if (ready && !serves(upstream, options.address)) return null
      if ((down || !ready) && startedAt - probedAt < intervalMs / 2) return null
      probedAt = startedAt
      const outcome = ready ? await probe({ ...options, upstream }) : unready(upstream)
      if (options.signal.aborted) return null
      judge(outcome)
      if (outcome.ok || outcome.hop === undefined) return outcome
      const { error } = outcome
      const elapsedMs = Math.round(performance.now() - startedAt)
      emit({ v: 1, type: 'upstream.failed', at: now(), upstream: name, error, elapsedMs })
      return null
    },
  }
}
