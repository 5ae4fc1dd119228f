import { connectionsFor } from '../doctor/checks/descriptors.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { maxFds, openFds } from '../host/proc.ts'
import { sampleProcess } from '../host/samples.ts'
import type { ListenAt } from '../net/link.ts'
import type { OwnPlace } from '../net/ourselves.ts'
import type { Changeable, RelayUser } from '../relay/settings.ts'
import { configured } from '../relay/threads/configured.ts'
import { type OpenConnections, trackConnections } from '../relay/threads/open-connections.ts'
import { startThreads, type Threads } from '../relay/threads/threads.ts'
import { refillReplays } from '../replay-cache/refill.ts'
import type { CountsMemory } from '../user-limits/counts.ts'
import type { LinkAddress } from '../users/public-address.ts'
import { dailyKey, newDays } from '../users/secret-store.ts'
import { startAccess } from './access.ts'
import { checkEngine, openListeners } from './listening.ts'
import { type Masking, startMasking } from './masking.ts'
import { startMiddleProxies } from './middle-proxies.ts'
import type { Recording } from './recording.ts'
import type { ProxyOptions } from './running-proxy.ts'
import { lostInQueue, recordDeath } from './thread-death.ts'
import { findWaysOut } from './ways-out.ts'

export type Traffic = {
  readonly threads: Threads
  readonly connections: OpenConnections
  readonly sampler: ReturnType<typeof sampleProcess>
  /** The port of each listener; null: it has none. */
  readonly ports: readonly (number | null)[]
  /** As that of the threads; closes the listening sockets of the main thread, too. */
  drain(ms: number): Promise<void>
  /** Passes a change on to the relay threads. */
  change(changed: Partial<Changeable>): void
  /** Loads BLOCK_LISTS and ALLOW_LISTS again. */
  reloadLists(): void
}

type Place = {
  /** Where the listeners of the settings listen: no port is 0. */
  readonly at: readonly ListenAt[]
  readonly own: readonly OwnPlace[]
  readonly users: readonly RelayUser[]
  readonly userCounts: CountsMemory
  readonly address: Promise<LinkAddress>
  /** Called before the first check of the masking hosts. */
  readonly masking: (masking: Masking) => void
}

const trimMs = 10_000
/** With Kafka, shipped events are trimmed soon, some megabytes at a time. */
const trimShippedMs = 1_000

/** MAX_CONNECTIONS, or fewer where the limit of open files allows fewer. */
const connectionsOf = ({ config, logger }: ProxyOptions): number => {
  const most = connectionsFor(config, maxFds(), openFds())
  if (most < config.maxConnections) {
    logger('warn', 'few-file-descriptors', {
      limit: maxFds(),
      MAX_CONNECTIONS: config.maxConnections,
      allows: most,
      hint: 'raise the limit of open files (ulimit -n) to twice MAX_CONNECTIONS and a little more',
    })
  }
  return most
}

/** Callbacks of the relay threads. */
const portsOf = (
  { logger, failed }: ProxyOptions,
  { log, emit, claims }: Recording,
  connections: OpenConnections,
  look: (event: ProxyEvent) => void,
  masking: () => Masking | null,
): Parameters<typeof startThreads>[2] => ({
  events: (text, lost) => {
    // Text of our own thread: nothing to validate.
    const events = JSON.parse(text) as ProxyEvent[]
    for (const event of events) {
      connections.fold(event)
      look(event)
    }
    log.append(text, events, lost)
    if (lost > 0) emit(lostInQueue(lost))
  },
  line: (type, message) => logger(type === 'fault' ? 'error' : 'warn', `relay-${type}`, { message }),
  claim: async (...of) => claims?.claim(...of) ?? 'unanswered',
  hello: (domain, kind, template) => masking()?.helloSeen(domain, kind, template),
  died: (death) => recordDeath(death, connections, log, logger),
  replaced: (worker) => logger('warn', 'relay-thread-replaced', { worker }),
  failed,
})

const trimLog = ({ config }: ProxyOptions, log: LocalLog, signal: AbortSignal): void => {
  const trimming = setInterval(() => log.trim(), config.kafka === null ? trimMs : trimShippedMs).unref()
  signal.addEventListener('abort', () => clearInterval(trimming))
}

/** Starts the relay threads, and keeps masking host, datacenters and the key of the day up to date until `signal`. */
export const startTraffic = async (
  options: ProxyOptions,
  place: Place,
  recording: Recording,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<Traffic> => {
  const { config, logger } = options
  const { log, emit } = recording
  const now = Date.now
  const connections = connectionsOf(options)
  let threads: Threads | null = null
  const change = (changed: Partial<Changeable>): void => threads?.change(changed)
  let masking: Masking | null = null
  const watched = (started: Masking): void => {
    masking = started
    place.masking(started)
  }
  const domains = await startMasking(options, { ...place, masking: watched }, log, signal, (domains) =>
    change({ domains }),
  )
  const middle = await startMiddleProxies(options, recording, signal, change)
  const out = await findWaysOut(options, emit, signal, change)
  const lists = await startAccess(options, recording, signal, change)
  const settings = configured(config, connections)
  refillReplays(log, settings.replay, config.replayWindowMs, now())
  const addressKey = dailyKey(config.dataDir, now(), logger)
  const { users, userCounts } = place
  const open = trackConnections(connections)
  const listening = await openListeners(options, place.at, settings.congestion)
  stack.defer(listening.close)
  const relay = await startThreads(
    config.workers,
    {
      ...settings,
      listeners: listening.listeners,
      users,
      userCounts,
      ...out.initial,
      ...middle.known(),
      access: lists.access(),
      domains: domains(),
      addressKey,
    },
    portsOf(options, recording, open, middle.look, () => masking),
  )
  threads = relay
  stack.defer(() => relay.close())
  checkEngine(config, relay.engine)
  // A change since the threads were given theirs.
  change({ domains: domains(), access: lists.access(), ...middle.known() })
  const openConnections = (): number => relay.openConnections
  const sampler = sampleProcess({ emit, now, workers: relay.samples, openConnections })
  signal.addEventListener('abort', sampler.stop)
  out.watch()
  newDays(config.dataDir, signal, logger, (addressKey) => change({ addressKey }))
  trimLog(options, log, signal)
  return {
    threads: relay,
    connections: open,
    sampler,
    change,
    reloadLists: lists.reload,
    ports: listening.ports,
    drain: async (ms) => {
      const drained = relay.drain(ms)
      listening.close()
      await drained
    },
  }
}
