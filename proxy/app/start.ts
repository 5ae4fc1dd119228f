import type { Config, User } from '../config/config.ts'
import { reported } from '../config/shown.ts'
import { dialable, namesOf, watchDatacenters } from '../datacenter/resolve.ts'
import { connectionsFor } from '../doctor/checks/descriptors.ts'
import { startDoctor } from '../doctor/watch.ts'
import { type LocalLog, openLog } from '../event-log/event-log.ts'
import { encodeEvents } from '../events/codec.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { watchKernel } from '../host/kernel.ts'
import { maxFds, openFds } from '../host/proc.ts'
import { sampleProcess } from '../host/samples.ts'
import { type HttpServer, type Routes, startHttp } from '../http/server.ts'
import type { Logger } from '../logger/logger.ts'
import { flightName, keptFlight, watchMasking } from '../masking/watch.ts'
import { claimPort } from '../net/listen-error.ts'
import { mainFaults } from '../relay/faults.ts'
import type { Changeable, RelayUser } from '../relay/settings.ts'
import { configured } from '../relay/threads/configured.ts'
import { startThreads, type Threads } from '../relay/threads/threads.ts'
import { refillReplays } from '../replay-cache/refill.ts'
import { startTelemetry } from '../telemetry/telemetry.ts'
import { type Link, linksOf } from '../users/links.ts'
import { findAddress, type LinkAddress } from '../users/public-address.ts'
import { dailyKey, keptUser, makeDataDir, newDays } from '../users/secret-store.ts'
import { usualFlight } from '../wire/server-hello.ts'

/** What the embedded appliance adds: the read side, on the same log and the same HTTP server. */
export type Extension = {
  readonly routes: Partial<Routes>
  /** The past is folded. */
  readonly ready: Promise<void>
  stop(): void | Promise<void>
}

export type RunningProxy = {
  readonly port: number
  readonly metricsUrl: string
  readonly engine: Threads['engine']
  readonly address: LinkAddress
  readonly links: readonly Link[]
  readonly fault: (error: unknown) => void
  /** Takes over users and secrets; connections go on. The links of who is new. Throws when no written user would be left. */
  reload(config: Config): readonly Link[]
  /** Accepts nothing more, lets connections end for `drainMs`, flushes everything, closes. */
  stop(reason: string, drainMs: number): Promise<void>
}

const TRIM_MS = 10_000
/** With Kafka, what was shipped is to go soon; each time takes some megabytes. */
const TRIM_SHIPPED_MS = 1_000

const relayUsers = (users: readonly User[]): RelayUser[] =>
  users.map(({ name, secret }) => ({ name, secret: secret.bytes() }))

/** Starts the whole write side. Throws errors with a code and one clear line for the operator. */
export const startProxy = async (options: {
  readonly config: Config
  readonly version: string
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  /** The data plane cannot go on. */
  readonly failed: (why: string) => void
  readonly extend?: (log: LocalLog) => Promise<Extension>
}): Promise<RunningProxy> => {
  const { config, version, env, logger } = options
  makeDataDir(config.dataDir)
  const usersOf = (from: Config): readonly User[] =>
    from.users.length > 0 ? from.users : [keptUser(config.dataDir)]
  let users = usersOf(config)
  let written = config.users.length > 0
  const now = Date.now
  const claimed = await claimPort(config.host, config.port, config.portShared)
  const { port } = claimed
  const log = openLog({
    dataDir: config.dataDir,
    node: config.node,
    maxBytes: config.logMaxBytes,
    // What Kafka has, the log need not keep.
    maxAgeMs: config.kafka === null ? config.logMaxAgeMs : 0,
    now,
    report: (line) => logger('warn', 'log', { line }),
  })
  const stopping = new AbortController()
  const finding = findAddress(config, stopping.signal)
  const started = Promise.withResolvers<void>()
  let threads: Threads | null = null
  let masking: ReturnType<typeof watchMasking> | null = null
  let doctor: ReturnType<typeof startDoctor> | null = null
  let http: HttpServer | null = null
  let unready: string | null = 'starting'
  // Both are loaded only by those who have them: they take memory.
  const shipping =
    config.kafka === null
      ? null
      : (await import('./shipping.ts')).startShipping(config.kafka, config.node, log, logger)
  const claims =
    config.redis === null
      ? null
      : (await import('../replay-cache/connect.ts')).connectClaims(config.redis, config, logger)
  const extension = await options.extend?.(log)
  const telemetry = startTelemetry({
    version,
    node: config.node,
    env,
    warn: (text) => logger('warn', 'telemetry', { text }),
    sources: {
      logBytes: () => log.stats.bytes,
      kernel: watchKernel(),
      pooledConnections: () => threads?.pooledConnections ?? 0,
      claims: claims?.counts ?? null,
      shipping,
      masking: () => masking?.up() ?? null,
      doctor: () => doctor?.latest() ?? null,
    },
    listening: started.promise,
    spansTo: shipping?.spans ? [shipping.spans] : [],
  })
  // Only what comes from now on: the past was counted by the processes that lived it.
  const counting = log.tail(Number.MAX_SAFE_INTEGER, ({ events }) => {
    for (const event of events) telemetry.fold(event)
  })
  await counting.caughtUp
  const emit = (...events: ProxyEvent[]): void => {
    log.append(encodeEvents(events), events)
  }
  const release = async (): Promise<void> => {
    stopping.abort()
    claimed.free()
    await http?.close()
    await threads?.close()
    claims?.close()
    counting.stop()
    const traced = telemetry.stop()
    await Promise.all([traced, shipping?.stop(traced)])
    await extension?.stop()
    log.close()
  }

  try {
    emit({ v: 1, type: 'process.started', at: now(), version, settings: reported(config) })
    const most = connectionsFor(config, maxFds(), openFds())
    if (most < config.maxConnections) {
      logger('warn', 'few-file-descriptors', {
        limit: maxFds(),
        MAX_CONNECTIONS: config.maxConnections,
        allows: most,
        hint: 'raise the limit of open files (ulimit -n) to twice MAX_CONNECTIONS and a little more',
      })
    }
    const change = (changed: Partial<Changeable>): void => threads?.change(changed)
    const kept = keptFlight(log)
    const names = namesOf(config.datacenters, logger)
    const directory = await names.look()
    // Known before the first client: a stranger in the first moment must not be met by silence.
    let masked: Pick<Changeable, 'mask' | 'flight'> = { mask: null, flight: kept ?? usualFlight }
    if (config.maskHost !== null) {
      masking = watchMasking({
        host: config.maskHost,
        port: config.maskPort,
        name: config.tlsDomain || config.maskHost,
        ourselves: { port, publicHost: finding.then(({ host }) => host), publicPort: config.publicPort },
        kept,
        logger,
        changed: (changed) => {
          masked = { ...masked, ...changed }
          change(masked)
          if (changed.flight) log.saveSnapshot(flightName, 0, JSON.stringify(changed.flight))
        },
      })
      stopping.signal.addEventListener('abort', masking.stop)
      await masking.known
    }
    const settings = configured(config, most)
    refillReplays(log, settings.replay, config.replayWindowMs, now())
    threads = await startThreads(
      config.workers,
      {
        ...settings,
        port,
        users: relayUsers(users),
        directory: dialable(directory),
        ...masked,
        addressKey: dailyKey(config.dataDir, now(), logger),
      },
      {
        events: (text, lost) => {
          // Text of our own thread: nothing to validate.
          log.append(text, JSON.parse(text) as ProxyEvent[], lost)
          if (lost > 0) emit({ v: 1, type: 'events.lost', at: now(), reason: 'worker-queue', count: lost })
        },
        line: (type, message) => logger(type === 'fault' ? 'error' : 'warn', `relay-${type}`, { message }),
        claim: async (digest, connection) => claims?.claim(digest, connection) ?? 'unanswered',
        died: (worker, error) => options.failed(`relay thread ${worker} died: ${error}`),
      },
    )
    const relay = threads

    const sampler = sampleProcess({
      emit,
      now,
      workers: relay.samples,
      openConnections: () => relay.openConnections,
    })
    stopping.signal.addEventListener('abort', sampler.stop)
    watchDatacenters({
      names,
      directory,
      intervalMs: config.probeIntervalMs,
      emit,
      now,
      signal: stopping.signal,
      changed: (directory) => change({ directory }),
    })
    newDays(config.dataDir, stopping.signal, logger, (addressKey) => change({ addressKey }))
    const trimMs = config.kafka === null ? TRIM_MS : TRIM_SHIPPED_MS
    const trimming = setInterval(() => log.trim(), trimMs).unref()
    stopping.signal.addEventListener('abort', () => clearInterval(trimming))

    await extension?.ready
    http = await startHttp({
      host: config.metricsHost,
      port: config.metricsPort,
      portName: 'METRICS_PORT',
      routes: {
        expositions: [telemetry.exposition, ...(extension?.routes.expositions ?? [])],
        unready: () => unready,
        json: extension?.routes.json ?? {},
        page: extension?.routes.page ?? (() => null),
      },
      allowedHosts: config.metricsAllowedHosts,
      published: finding,
      logger,
    })
    started.resolve()
    unready = null
    sampler.sample()
    if (config.doctorIntervalMs > 0) {
      doctor = startDoctor({
        config: { ...config, port },
        env,
        address: () => finding,
        logger,
        intervalMs: config.doctorIntervalMs,
        openConnections: () => relay.openConnections,
      })
      stopping.signal.addEventListener('abort', doctor.stop)
    }

    const address = await finding
    const place = { server: address.host, port: config.publicPort ?? port, tlsDomain: config.tlsDomain }
    return {
      port,
      metricsUrl: http.url,
      engine: relay.engine,
      address,
      links: linksOf(users, config.modes, place),
      reload: (next) => {
        // An empty .env is a mishap: nobody has the secret that would be made instead.
        if (written && next.users.length === 0)
          throw new Error('no USER<n>_SECRET is written any more: write them again in .env, or restart')
        written = next.users.length > 0
        const names = new Set(users.map(({ name }) => name))
        const had = new Set(linksOf(users, config.modes, place).map(({ tg }) => tg))
        users = usersOf(next)
        change({ users: relayUsers(users) })
        const kept = new Set(users.map(({ name }) => name))
        emit({
          v: 1,
          type: 'config.reloaded',
          at: now(),
          users: users.length,
          added: [...kept].filter((name) => !names.has(name)),
          removed: [...names].filter((name) => !kept.has(name)),
        })
        return linksOf(users, config.modes, place).filter(({ tg }) => !had.has(tg))
      },
      fault: mainFaults(emit, logger),
      stop: async (reason, drainMs) => {
        unready = 'draining'
        claimed.free()
        await relay.drain(drainMs)
        sampler.sample()
        emit({ v: 1, type: 'process.stopped', at: now(), reason })
        await release()
      },
    }
  } catch (error) {
    await release()
    throw error
  }
}
