import { readFileSync } from 'node:fs'
import { createApi } from '../proxy/api/router.ts'
import { tokensOf } from '../proxy/api/tokens.ts'
import type { Config } from '../proxy/config/config.ts'
import { writtenPorts } from '../proxy/config/listening.ts'
import { readOwnConfig } from '../proxy/config/own-config.ts'
import { type Api, type HttpServer, startHttp } from '../proxy/http/server.ts'
import { lineLogger } from '../proxy/logger/logger.ts'
import { openUserStore } from '../proxy/user-store/open.ts'
import type { UserStore } from '../proxy/user-store/store.ts'
import { linkPlaces, linksOf } from '../proxy/users/links.ts'
import type { User } from '../proxy/users/user.ts'
import { type FleetCollector, startFleetCollector } from './app/fleet.ts'
import { pageRoutes } from './page/server/serve.ts'

const program = 'mtscope-collector'
const usage = `usage: mtscope collector

Folds the events of a fleet from Kafka into Redis, and decides its alerts.

Needs KAFKA_BROKERS and REDIS_URL, from the environment or from .env in the current folder; docs/settings.md lists all settings.
Serves the status page, /metrics, /api/status, /api/alerts, /api/v1/, /healthz and /readyz on METRICS_HOST:COLLECTOR_PORT.
Ready means that Redis and Kafka answer; it does not depend on proxies.
Several collectors share the partitions of the topic, and each answers for the whole fleet.

  SIGTERM, SIGINT   leaves the group, so that another collector takes over immediately, and exits 0
`

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(usage)
  process.exit(0)
}
const logger = lineLogger()

const wrong = (mistakes: readonly string[]): never => {
  process.stderr.write(`${program} cannot start:\n${mistakes.map((mistake) => `  ${mistake}\n`).join('')}`)
  process.exit(2)
}
const reading = readOwnConfig()
if (!reading.ok) wrong(reading.mistakes)
const config = reading.ok ? reading.config : wrong([])
const { kafka, redis } = config
if (kafka === null || redis === null) {
  wrong([
    ...(kafka === null
      ? ['KAFKA_BROKERS is not set: write the brokers to which the proxies ship events, as kafka:9092']
      : []),
    ...(redis === null
      ? ['REDIS_URL is not set: write the URL of the Redis that keeps the state, as redis://redis:6379']
      : []),
  ])
}

const version = String(
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version?: string })
    .version,
)
/** The users of the fleet; null without their key. */
const openUsers = async (config: Config): Promise<UserStore | null> => {
  try {
    return await openUserStore({ config, logger, ofSettings: () => [], follow: true, make: false })
  } catch (error) {
    const hint =
      'the API of this collector has no users until its next start: set USERS_KEY to that of the proxies'
    logger('warn', 'users-unread', { error: error instanceof Error ? error.message : String(error), hint })
    return null
  }
}

/** Users, status and alerts of the fleet. The proxies record each change of a user with its writer, when it is in force. */
const apiOf = (config: Config, collector: FleetCollector, store: UserStore | null): Api => {
  const { publicHost, listeners, userDefaults } = config
  const users = store && {
    all: () => store.list().map((user) => ({ ...user, source: 'store' }) as const),
    store,
    defaults: () => userDefaults,
    linksOf: async (user: User) =>
      publicHost === null
        ? null
        : linksOf([user], linkPlaces(listeners, writtenPorts(listeners), publicHost)),
  }
  return createApi({
    ports: { reading: collector, ...(users === null ? {} : { users }) },
    tokens: tokensOf(config, logger),
    version,
    logger,
    changed: (change) => logger('info', 'api-changed', change),
  })
}

let collector: FleetCollector
let users: UserStore | null = null
let http: HttpServer | undefined
try {
  collector = startFleetCollector({
    ...{ config, kafka: kafka!, redis: redis!, version, now: Date.now, logger },
    httpRefusals: () => http?.refusals ?? {},
  })
  users = await openUsers(config)
  http = await startHttp({
    host: config.metricsHost,
    port: config.collectorPort,
    portName: 'COLLECTOR_PORT',
    routes: {
      expositions: [async () => collector.exposition()],
      unready: collector.unready,
      json: { '/api/status': collector.status, '/api/alerts': collector.alerts },
      page: pageRoutes(),
      api: apiOf(config, collector, users),
    },
    allowedHosts: config.metricsAllowedHosts,
    published: Promise.resolve({ host: config.publicHost }),
    logger,
  })
} catch (error) {
  logger('error', 'cannot-start', { error: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
let stopping = false
const stop = (signal: NodeJS.Signals): void => {
  if (stopping) process.exit(0)
  stopping = true
  logger('info', 'stopping', { signal })
  Promise.all([http.close(), collector.stop(), users?.close()]).then(
    () => {
      logger('info', 'stopped')
      process.exit(0)
    },
    (error: unknown) => {
      logger('error', 'stop-failed', { error: String(error) })
      process.exit(1)
    },
  )
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
// After the signal handlers are set: a supervisor may stop the process from now on.
logger('info', 'ready', { port: http.port, metrics: http.url, node: config.node, version })
