import { startCollector } from '../collector/collector.ts'
import { pageRoutes } from '../collector/page/serve.ts'
import { run } from '../proxy/run.ts'
import { sayer } from '../proxy/say.ts'

// The embedded appliance: the proxy, and a collector that follows its log, in one process.
await run('mtscope', (log, version, config) => {
  const collector = startCollector({
    fleet: config.node,
    log,
    version,
    now: Date.now,
    say: sayer(),
    timings: { factor: config.alertFactor },
  })
  return {
    ready: collector.caughtUp,
    stop: collector.stop,
    routes: {
      expositions: [async () => collector.exposition()],
      json: { '/api/status': collector.status, '/api/alerts': collector.alerts },
      page: pageRoutes(),
    },
  }
})
