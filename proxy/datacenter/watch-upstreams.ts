import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Emit, UpstreamError } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import { addressText, type Directory, type Preference, preferred } from './directory.ts'
import { startProber } from './probe.ts'
import { lookUpAll, type StartProbes } from './resolve.ts'
import { upstreamProbes } from './upstream-probes.ts'
import { mayMove, resolveUpstream, type UpstreamSetting } from './upstream-resolve.ts'
import type { UpstreamState } from './upstreams.ts'

/** Between two look-ups of names and interfaces; ms. */
const MOVES_MS = 30_000

const hints: Readonly<Partial<Record<UpstreamError, string>>> = {
  login: 'correct user and password in UPSTREAMS',
  denied: 'allow connections to Telegram in the rules of the SOCKS5 server',
  'no-source': 'give this host the address or interface, or correct UPSTREAMS',
  'no-ports': 'add source addresses in UPSTREAMS, or widen net.ipv4.ip_local_port_range',
  protocol: 'write the address of a SOCKS5 server in UPSTREAMS',
}

export type UpstreamWatch = {
  /** The upstreams of UPSTREAMS, in its order. */
  readonly states: readonly UpstreamState[]
  readonly startProbes: StartProbes
}

type Watched = { setting: UpstreamSetting; state: UpstreamState }

/** The place of each address among the others of its datacenter. */
const placesOf = (ranked: Directory): UpstreamState['places'] =>
  new Map([...ranked.values()].flatMap((all) => all.map((address, at) => [addressText(address), at])))

/** Follows names and interfaces of UPSTREAMS until `signal`, and probes through each upstream. */
export const watchUpstreams = async (options: {
  readonly settings: readonly UpstreamSetting[]
  readonly preference: Preference
  readonly intervalMs: number
  readonly emit: Emit
  readonly now: () => number
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly changed: (states: readonly UpstreamState[]) => void
}): Promise<UpstreamWatch> => {
  const { settings, preference, intervalMs, emit, now, logger, signal } = options
  const watched: Watched[] = await Promise.all(
    settings.map(async (setting) => ({
      setting,
      state: { upstream: await resolveUpstream(setting, lookUpAll), down: false, places: new Map() },
    })),
  )
  const states = (): readonly UpstreamState[] => watched.map(({ state }) => state)
  const change = (one: Watched, change: Partial<UpstreamState>): void => {
    one.state = { ...one.state, ...change }
    options.changed(states())
  }
  const follow = async (one: Watched): Promise<void> => {
    while (!signal.aborted) {
      await pause(MOVES_MS, undefined, { signal, ref: false }).catch(() => {})
      const upstream = signal.aborted ? one.state.upstream : await resolveUpstream(one.setting, lookUpAll)
      if (!isDeepStrictEqual(upstream, one.state.upstream)) change(one, { upstream })
    }
  }
  for (const one of watched) if (mayMove(one.setting)) follow(one)

  const probe = (one: Watched, directory: Directory, until: AbortSignal): void => {
    const { name } = one.setting
    const through = upstreamProbes({
      current: () => one.state.upstream,
      targets: [...directory.values()].flat().length,
      ...{ intervalMs, emit, now },
      changed: (down, error) => {
        change(one, { down })
        if (!down) return logger('info', 'upstream-up', { upstream: name })
        const hint = (error && hints[error]) ?? 'run mtscope doctor --only upstreams'
        logger('warn', 'upstream-down', { upstream: name, error, hint })
      },
    })
    const onRanking = (ranked: Directory): void =>
      change(one, { places: placesOf(preferred(ranked, preference)) })
    if (one.state.down) change(one, { down: false })
    startProber({ directory, intervalMs, emit, now, signal: until, onRanking, through })
  }
  return {
    get states() {
      return states()
    },
    startProbes: (directory, until) => {
      for (const one of watched) probe(one, directory, until)
    },
  }
}
