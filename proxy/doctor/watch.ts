import type { Config } from '../config/config.ts'
import { maxFds, openFds } from '../host/proc.ts'
import type { Logger } from '../logger/logger.ts'
import type { LinkAddress } from '../users/public-address.ts'
import { clockCheck } from './checks/clock.ts'
import { containerCheck } from './checks/container.ts'
import { descriptorsCheck } from './checks/descriptors.ts'
import { diskCheck } from './checks/disk.ts'
import { hostCheck } from './checks/host.ts'
import { passiveListenerCheck } from './checks/listener.ts'
import { passiveMiddleProxiesCheck } from './checks/middle-proxies.ts'
import { runtimeCheck } from './checks/runtime.ts'
import { settingsCheck } from './checks/settings.ts'
import { type Checks, examine } from './examine.ts'
import type { Finding } from './finding.ts'

export type Examination = {
  /** Epoch, ms. */
  readonly at: number
  readonly findings: readonly Finding[]
}

/** Checks that are cheap enough for a running proxy. Others watch datacenters and the masking host all the time. */
const cheap: Checks = {
  settings: settingsCheck,
  clock: clockCheck,
  'middle-proxies': passiveMiddleProxiesCheck,
  listener: passiveListenerCheck,
  descriptors: descriptorsCheck,
  host: hostCheck,
  container: containerCheck,
  disk: diskCheck,
  runtime: runtimeCheck,
}

/**
 * Examines this host now and every `intervalMs`, in the main thread, which never blocks on it. Logs a check once when it
 * begins to fail. `latest` returns null until the first examination has ended.
 */
export const startDoctor = (options: {
  readonly config: Config
  readonly env: NodeJS.ProcessEnv
  readonly address: () => Promise<LinkAddress>
  readonly logger: Logger
  readonly intervalMs: number
  readonly openConnections: () => number
  readonly checks?: Checks
}): { latest(): Examination | null; stop(): void } => {
  const { config, env, address, logger, intervalMs, openConnections, checks = cheap } = options
  const stopping = new AbortController()
  let latest: Examination | null = null
  let failing: ReadonlySet<string> = new Set()
  let timer: NodeJS.Timeout | undefined

  const run = async (): Promise<void> => {
    const live = { openFds: openFds(), maxFds: maxFds(), connections: openConnections() }
    const about = { config, env, address, now: Date.now, live }
    const findings = await examine(checks, about, { signal: stopping.signal })
    if (stopping.signal.aborted) return
    latest = { at: Date.now(), findings }
    const failed = findings.filter(({ verdict }) => verdict === 'fail')
    for (const { id, states, advice } of failed) {
      if (!failing.has(id)) logger('warn', 'doctor-finding', { check: id, reason: states, hint: advice })
    }
    failing = new Set(failed.map(({ id }) => id))
    timer = setTimeout(run, intervalMs).unref()
  }
  run()
  return {
    latest: () => latest,
    stop: () => {
      clearTimeout(timer)
      stopping.abort()
    },
  }
}
