import { parentPort, workerData } from 'node:worker_threads'
import { nativeEngine } from '../net/epoll/engine.ts'
import { portableEngine } from '../net/node-net/engine.ts'
import { startRelay } from '../relay/relay.ts'
import type { FromWorker, RelaySettings } from '../relay/settings.ts'
import { headroom, leastRecord } from '../wire/records.ts'

// As relay/threads/worker.ts, without events.

const settings = workerData as RelaySettings
const largest = Math.max(settings.toClientBuffer.high, settings.toDatacenterBuffer, 65_536)
const scratch = largest + headroom(largest, leastRecord)
const engine = nativeEngine(scratch) ?? portableEngine(scratch)
const relay = startRelay(
  engine,
  settings,
  () => {},
  () => {},
)
const listening = await engine.listen({
  host: settings.host,
  port: settings.port,
  userTimeoutMs: settings.ackTimeoutMs,
  accepted: relay.accepted,
  exhausted: relay.exhausted,
})
parentPort!.postMessage({
  type: 'listening',
  port: listening.port,
  engine: engine.kind,
  waker: null,
} satisfies FromWorker)
engine.run(relay, (error) => {
  throw error
})
