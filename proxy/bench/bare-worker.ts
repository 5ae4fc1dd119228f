import { parentPort, workerData } from 'node:worker_threads'
import { nativeEngine } from '../net/epoll/engine.ts'
import { portableEngine } from '../net/node-net/engine.ts'
import { startRelay } from '../relay/relay.ts'
import type { FromWorker, RelaySettings } from '../relay/settings.ts'
import { listenAll } from '../relay/threads/listen-all.ts'
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
await listenAll(engine, relay, settings)
parentPort!.postMessage({
  type: 'listening',
  engine: engine.kind,
  waker: null,
} satisfies FromWorker)
engine.run(relay, (error) => {
  throw error
})
