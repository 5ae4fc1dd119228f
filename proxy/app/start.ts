import { userOf } from '../api/listed-user.ts'
import { createApi } from '../api/router.ts'
import { tokensOf } from '../api/tokens.ts'
import { shownSettings } from '../config/shown.ts'
import { startDoctor } from '../doctor/watch.ts'
import { type Api, type HttpServer, startHttp } from '../http/server.ts'
import { mainFaults } from '../relay/faults.ts'
import { openUserStore } from '../user-store/open.ts'
import { type Link, linkPlaces, linksOf } from '../users/links.ts'
import { findAddress, type LinkAddress } from '../users/public-address.ts'
import { makeDataDir } from '../users/secret-store.ts'
import type { User } from '../users/user.ts'
import { claimListeners } from './listening.ts'
import type { Masking } from './masking.ts'
import { type Recording, startRecording } from './recording.ts'
import type { ProxyOptions, RunningProxy } from './running-proxy.ts'
import { startTraffic, type Traffic } from './traffic.ts'
import { followUsers, watchUserStore } from './user-changes.ts'
import { openUserLimits } from './user-limits.ts'
import { type CurrentUsers, currentUsers } from './users.ts'

type Doctor = ReturnType<typeof startDoctor>

/** Parts that start later than others that read them. */
type Later = {
  traffic: Traffic | null
  masking: Masking | null
  doctor: Doctor | null
  http: HttpServer | null
  /** The text of `/readyz`; null when ready. */
  unready: string | null
}

type Started = {
  readonly options: ProxyOptions
  readonly port: number
  readonly users: CurrentUsers
  readonly recording: Recording
  readonly traffic: Traffic
  readonly finding: Promise<LinkAddress>
  readonly later: Later
  readonly signal: AbortSignal
}

const apiOf = ({ options, users, recording, traffic, finding }: Started): Api => {
  const { config, logger, version, operations } = options
  const linksAt = async (user: User): Promise<readonly Link[]> => {
    const { host } = await finding
    return linksOf([user], linkPlaces(config.listeners, traffic.ports, host))
  }
  return createApi({
    ports: {
      reading: recording.extension?.reading,
      users: {
        all: () => users.all,
        store: users.store,
        defaults: () => config.userDefaults,
        linksOf: linksAt,
      },
      node: {
        name: config.node,
        connectionsOf: (name, most) => {
          const user = userOf(users.all, name)
          return user === null ? null : traffic.connections.ofUser(user.name, most)
        },
        reload: () => operations.reload(),
        drain: (ms) => operations.drain(ms),
      },
    },
    tokens: tokensOf(config, logger),
    version,
    logger,
    changed: (change) => recording.emit({ v: 1, type: 'api.changed', at: Date.now(), ...change }),
  })
}

const serve = async (state: Started): Promise<HttpServer> => {
  const { options, recording, finding, later } = state
  const { config, logger } = options
  const { telemetry, extension } = recording
  return startHttp({
    host: config.metricsHost,
    port: config.metricsPort,
    portName: 'METRICS_PORT',
    routes: {
      expositions: [telemetry.exposition, ...(extension?.routes.expositions ?? [])],
      unready: () => later.unready,
      json: extension?.routes.json ?? {},
      page: extension?.routes.page ?? (() => null),
      api: apiOf(state),
    },
    allowedHosts: config.metricsAllowedHosts,
    published: finding,
    logger,
  })
}

const watchHealth = ({ options, port, traffic, finding, signal }: Started): Doctor | null => {
  const { config, env, logger } = options
  if (config.doctorIntervalMs === 0) return null
  const doctor = startDoctor({
    config: { ...config, port },
    env,
    address: () => finding,
    logger,
    intervalMs: config.doctorIntervalMs,
    openConnections: () => traffic.threads.openConnections,
  })
  signal.addEventListener('abort', doctor.stop)
  return doctor
}

const running = async (
  { options, port, users, recording, traffic, finding, later }: Started,
  http: HttpServer,
  close: (reason: string, drainMs: number) => Promise<void>,
): Promise<RunningProxy> => {
  const { config, logger } = options
  const { emit } = recording
  const address = await finding
  const places = linkPlaces(config.listeners, traffic.ports, address.host)
  return {
    port,
    metricsUrl: http.url,
    engine: traffic.threads.engine,
    congestion: traffic.threads.congestion,
    address,
    users,
    linksAt: (most) => users.linksAt(places, most),
    reload: (next) => {
      const before = new Set(users.linksAt(places).map(({ tg }) => tg))
      const changes = users.replace(next)
      traffic.change({ users: users.forRelay })
      traffic.reloadLists()
      emit({ v: 1, type: 'config.reloaded', at: Date.now(), ...changes })
      return { ...changes, links: users.linksAt(places).filter(({ tg }) => !before.has(tg)) }
    },
    fault: mainFaults(emit, logger),
    stop: async (reason, drainMs) => {
      later.unready = 'draining'
      await close(reason, drainMs)
    },
  }
}

/** Starts the whole write side. Throws errors with a code and one clear line for the operator. */
export const startProxy = async (options: ProxyOptions): Promise<RunningProxy> => {
  const { config, version } = options
  makeDataDir(config.dataDir)
  const settings = { config }
  const { logger } = options
  const ofSettings = () => settings.config.users
  const store = await openUserStore({ config, logger, ofSettings, follow: true })
  const limits = openUserLimits(options, () => {})
  const users = currentUsers(settings, store, limits, logger)
  // Disposal runs backwards: the watches stop, the port is free, then `started` closes from HTTP to the event log.
  await using stack = new AsyncDisposableStack()
  const started = stack.use(new AsyncDisposableStack())
  started.defer(() => store.close())
  const { port, free, ...places } = await claimListeners(options)
  stack.defer(free)
  const stopping = new AbortController()
  stack.defer(() => stopping.abort())
  const { signal } = stopping
  const later: Later = { traffic: null, masking: null, doctor: null, http: null, unready: 'starting' }
  const finding = findAddress(config, signal)
  const listening = Promise.withResolvers<void>()
  const sources = {
    users: users.report,
    pooledConnections: () => later.traffic?.threads.pooledConnections ?? 0,
    masking: () => later.masking?.up() ?? [],
    maskingProfiles: () => later.masking?.profiles() ?? [],
    doctor: () => later.doctor?.latest() ?? null,
    httpRefusals: () => later.http?.refusals ?? null,
  }
  const recording = await startRecording(options, limits, sources, listening.promise, started)
  const { emit } = recording
  emit({ v: 1, type: 'process.started', at: Date.now(), version, settings: shownSettings(config) })
  const masking = (watch: Masking): void => {
    later.masking = watch
  }
  const ours = { users: users.forRelay, userCounts: limits.memory }
  const place = { ...places, ...ours, address: finding, masking }
  const traffic = await startTraffic(options, place, recording, signal, started)
  later.traffic = traffic
  followUsers(users, traffic.change, emit, logger)
  watchUserStore(users, emit, signal)
  await recording.extension?.ready
  limits.watch(recording.extension?.totals ?? null, recording.claims, signal)
  const state: Started = { options, port, users, recording, traffic, finding, later, signal }
  const http = await serve(state)
  later.http = http
  started.defer(() => http.close())
  listening.resolve()
  later.unready = null
  traffic.sampler.sample()
  later.doctor = watchHealth(state)
  const open = stack.move()
  return running(state, http, async (reason, drainMs) => {
    free()
    await traffic.drain(drainMs)
    traffic.sampler.sample()
    emit({ v: 1, type: 'process.stopped', at: Date.now(), reason })
    await open.disposeAsync()
  })
}
