import { startCollector } from '../collector/app/collector.ts'
import { pageRoutes } from '../collector/page/server/serve.ts'
import { run } from '../proxy/app/run.ts'
import type { Extension } from '../proxy/app/running-proxy.ts'
import type { Config } from '../proxy/config/config.ts'
import type { LocalLog } from '../proxy/event-log/event-log.ts'
import { lineLogger } from '../proxy/logger/logger.ts'

/** A collector that follows the event log of the proxy, in the same process. */
const embedded = (log: LocalLog, version: string, config: Config): Extension => {
  const collector = startCollector({
    fleet: config.node,
    log,
    version,
    now: Date.now,
    logger: lineLogger(),
    webhook: config.webhook,
    timings: { factor: config.alertFactor },
  })
  return {
    ready: collector.caughtUp,
    totals: collector.totals,
    stop: collector.stop,
    routes: {
      expositions: [async () => collector.exposition()],
      json: { '/api/status': collector.status, '/api/alerts': collector.alerts },
      page: pageRoutes(),
    },
    reading: collector,
  }
}

/** A collector of the fleet, in the process of a proxy. Its modules are loaded only then, to save memory. */
const ofFleet = async (): Promise<typeof embedded> => {
  const { startFleetCollector } = await import('../collector/app/fleet.ts')
  return (_, version, config) => {
    const { kafka, redis } = config
    if (kafka === null || redis === null) throw new Error('a fleet needs KAFKA_BROKERS and REDIS_URL')
    const collector = startFleetCollector({
      config,
      kafka,
      redis,
      version,
      now: Date.now,
      logger: lineLogger(),
    })
    return {
      ready: Promise.resolve(),
      totals: collector.totals,
      stop: collector.stop,
      routes: {
        expositions: [async () => collector.exposition()],
        json: { '/api/status': collector.status, '/api/alerts': collector.alerts },
        page: pageRoutes(),
      },
      reading: collector,
    }
  }
}

await run('mtscope', async (log, version, config) => {
  const extend = config.kafka !== null && config.redis !== null ? await ofFleet() : embedded
  return extend(log, version, config)
})
