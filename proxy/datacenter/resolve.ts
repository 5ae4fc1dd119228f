import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Emit } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import { addressOf, type Directory, type Preference, preferred } from './directory.ts'
import { startProber } from './probe.ts'

/** All addresses of a name; none when it has no DNS answer. An address is its own answer. */
export type LookUp = (name: string) => Promise<readonly string[]>

export const lookUpAll: LookUp = async (name) => {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch {
    return []
  }
}

/**
 * The addresses without names, for the relay, by PREFER_IPV6. Leaves out a datacenter that has none left: its media use the
 * plain one.
 */
export const dialable = (directory: Directory, preference: Preference = 'auto'): Directory =>
  new Map(
    [...preferred(directory, preference)]
      .map(([id, all]) => [id, all.filter(({ host }) => isIP(host) > 0)] as const)
      .filter(([, all]) => all.length > 0),
  )

/**
 * Looks names up in the main thread. A name without an answer is logged and keeps its last address. Without any address it
 * stays a name, so that the prober reports its datacenter as down.
 */
export const namesOf = (directory: Directory, logger: Logger, lookUp: LookUp = lookUpAll) => {
  const found = new Map<string, string>()
  const missing = new Set<string>()
  const hosts = [...directory.values()].flat().map(({ host }) => host)
  const names = [...new Set(hosts.filter((host) => isIP(host) === 0))]

  const look = async (name: string): Promise<void> => {
    const addresses = await lookUp(name)
    const before = found.get(name)
    // The order of the answers changes: an address stays while it is among them.
    const [address] = before !== undefined && addresses.includes(before) ? [before] : addresses
    if (address !== undefined) {
      found.set(name, address)
      if (missing.delete(name)) logger('info', 'datacenter-name-found', { name, address })
    } else if (!missing.has(name)) {
      missing.add(name)
      const hint =
        'mtscope looks it up again; write its address in TELEGRAM_DATACENTERS, or correct /etc/resolv.conf'
      logger('warn', 'datacenter-name-not-found', { name, using: before ?? 'nothing', hint })
    }
  }
  return {
    some: names.length > 0,
    missing,
    look: async (): Promise<Directory> => {
      await Promise.all(names.map(look))
      return new Map(
        [...directory].map(([id, all]) => [
          id,
          all.map(({ host, port }) => addressOf(found.get(host) ?? host, port)),
        ]),
      )
    },
  }
}

const textOf = (directory: Directory): string => JSON.stringify([...directory])

/** Probes of the addresses of a directory until `signal`. */
export type StartProbes = (directory: Directory, signal: AbortSignal) => void

/** Probes `directory`, follows changes of `names`, and calls `changed` with the addresses to dial, best first. */
export const watchDatacenters = async (options: {
  readonly names: ReturnType<typeof namesOf>
  readonly directory: Directory
  readonly changed: (directory: Directory) => void
  /** Between two probes of an address; 0: no probes. */
  readonly intervalMs: number
  readonly emit: Emit
  readonly now: () => number
  readonly signal: AbortSignal
  /** Between two look-ups of all names; `retryMs` while one has no answer. */
  readonly refreshMs?: number
  readonly retryMs?: number
  readonly preference?: Preference
  /** Probes in place of those of this host; they have an order of their own. */
  readonly startProbes?: StartProbes
}): Promise<void> => {
  const { names, changed, signal, refreshMs = 15 * 60_000, retryMs = 30_000 } = options
  const { preference, startProbes, ...probing } = options
  let { directory } = options
  let moved = new AbortController()
  const onRanking = (ranked: Directory): void => changed(dialable(ranked, preference))
  const probe = (): void => {
    if (probing.intervalMs === 0) return
    const all = {
      ...probing,
      directory: preferred(directory, preference),
      signal: AbortSignal.any([signal, moved.signal]),
    }
    if (startProbes) startProbes(all.directory, all.signal)
    else startProber({ ...all, onRanking })
  }

  probe()
  while (names.some && !signal.aborted) {
    const wait = names.missing.size > 0 ? retryMs : refreshMs
    await pause(wait, undefined, { signal, ref: false }).catch(() => {})
    const next = signal.aborted ? directory : await names.look()
    if (signal.aborted || textOf(next) === textOf(directory)) continue
    directory = next
    changed(dialable(directory, preference))
    // The new prober measures the unchanged addresses again within seconds.
    moved.abort()
    moved = new AbortController()
    probe()
  }
}
