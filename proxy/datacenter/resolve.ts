import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Emit } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import { addressOf, type Directory } from './directory.ts'
import { startProber } from './probe.ts'

/** Every address that a name has; none when it leads nowhere. An address is its own. */
export type LookUp = (name: string) => Promise<readonly string[]>

export const lookUpAll: LookUp = async (name) => {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch {
    return []
  }
}

/** The relay dials addresses only. A datacenter of names alone is left out: its media then fall back to the plain one. */
export const dialable = (directory: Directory): Directory =>
  new Map(
    [...directory]
      .map(([id, all]) => [id, all.filter(({ host }) => isIP(host) > 0)] as const)
      .filter(([, all]) => all.length > 0),
  )

/**
 * Looks names up here, in the main thread. A name that leads nowhere is told, and keeps what it led to before; until it
 * has led anywhere it stays a name, for the prober to tell of a datacenter that is down.
 */
export const namesOf = (directory: Directory, logger: Logger, lookUp: LookUp = lookUpAll) => {
  const found = new Map<string, string>()
  const missing = new Set<string>()
  const hosts = [...directory.values()].flat().map(({ host }) => host)
  const names = [...new Set(hosts.filter((host) => isIP(host) === 0))]

  const look = async (name: string): Promise<void> => {
    const addresses = await lookUp(name)
    const before = found.get(name)
    // Answers take turns: what is among them stays.
    const [address] = before !== undefined && addresses.includes(before) ? [before] : addresses
    if (address !== undefined) {
      found.set(name, address)
      if (missing.delete(name)) logger('info', 'datacenter-name-found', { name, address })
    } else if (!missing.has(name)) {
      missing.add(name)
      const hint =
        'it is looked up again; write its address in TELEGRAM_DATACENTERS, or mend /etc/resolv.conf'
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

/** Probes `directory`, what `names` led to at the start, and follows them; `changed` is told where to dial, best first. */
export const watchDatacenters = async (options: {
  readonly names: ReturnType<typeof namesOf>
  readonly directory: Directory
  readonly changed: (directory: Directory) => void
  /** Of each address; 0: no probes. */
  readonly intervalMs: number
  readonly emit: Emit
  readonly now: () => number
  readonly signal: AbortSignal
  /** Between two looks at names, and while one leads nowhere. */
  readonly refreshMs?: number
  readonly retryMs?: number
}): Promise<void> => {
  const { names, changed, signal, refreshMs = 15 * 60_000, retryMs = 30_000, ...probing } = options
  let { directory } = options
  let moved = new AbortController()
  const onRanking = (ranked: Directory): void => changed(dialable(ranked))
  const probe = (): void => {
    if (probing.intervalMs === 0) return
    startProber({ ...probing, directory, onRanking, signal: AbortSignal.any([signal, moved.signal]) })
  }

  probe()
  while (names.some && !signal.aborted) {
    const wait = names.missing.size > 0 ? retryMs : refreshMs
    await pause(wait, undefined, { signal, ref: false }).catch(() => {})
    const next = signal.aborted ? directory : await names.look()
    if (signal.aborted || textOf(next) === textOf(directory)) continue
    directory = next
    changed(dialable(directory))
    // What was measured of the others is measured again within seconds.
    moved.abort()
    moved = new AbortController()
    probe()
  }
}
