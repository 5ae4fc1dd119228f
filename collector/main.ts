import { readFileSync } from 'node:fs'
import { readOwnConfig } from '../proxy/config/own-config.ts'
import { type HttpServer, startHttp } from '../proxy/http/server.ts'
import { lineLogger } from '../proxy/logger/logger.ts'
import { type FleetCollector, startFleetCollector } from './app/fleet.ts'
import { pageRoutes } from './page/server/serve.ts'

const program = 'mtscope-collector'
const usage = `usage: mtscope collector

Folds the events of a fleet from Kafka into Redis, and decides its alerts.

Needs KAFKA_BROKERS and REDIS_URL, from the environment or from .env in the current folder; docs/settings.md lists all settings.
Serves the status page, /metrics, /api/status, /api/alerts, /healthz and /readyz on METRICS_HOST:COLLECTOR_PORT.
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
let collector: FleetCollector
let http: HttpServer | undefined
try {
  collector = startFleetCollector({
    ...{ config, kafka: kafka!, redis: redis!, version, now: Date.now, logger },
    httpRefusals: () => http?.refusals ?? {},
  })
  http = await startHttp({
    host: config.metricsHost,
    port: config.collectorPort,
    portName: 'COLLECTOR_PORT',
    routes: {
      expositions: [async () => collector.exposition()],
      unready: collector.unready,
      json: { '/api/status': collector.status, '/api/alerts': collector.alerts },
      page: pageRoutes(),
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
  Promise.all([http.close(), collector.stop()]).then(
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
