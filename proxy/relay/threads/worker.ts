import { parentPort, workerData } from 'node:worker_threads'
import { watchLoop } from '../../host/event-loop.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { portableEngine } from '../../net/node-net/engine.ts'
import { headroom } from '../../wire/records.ts'
import { claimRequests } from '../claim-requests.ts'
import { faultCounter } from '../faults.ts'
import { startRelay } from '../relay.ts'
import type { FromWorker, RelaySettings, ToWorker } from '../settings.ts'
import { eventBudget } from './event-budget.ts'
import { eventQueue } from './queue.ts'

/** Events reach the event log within 100 ms, half of which is spent here. */
const PULSE_MS = 50

const settings = workerData as RelaySettings
const port = parentPort!
const post = (message: FromWorker): void => port.postMessage(message)

const largest = Math.max(
  settings.toClientBuffer.low,
  settings.toClientBuffer.high,
  settings.toDatacenterBuffer,
  65_536,
)
const scratch = largest + headroom(largest)
const warn = (message: string): void => post({ type: 'warning', message })
const engine = (settings.portable ? null : nativeEngine(scratch, warn)) ?? portableEngine(scratch)
const thread = `worker-${settings.worker}`
const loop = watchLoop(thread)
const queue = eventQueue(post)
const events = eventBudget(settings.eventBudget, settings.worker, Date.now, queue.emit)
const claims = claimRequests((id, digest, connection) => post({ type: 'claim', id, digest, connection }))
const faults = faultCounter(thread, queue.emit, (message) => post({ type: 'fault', message }))
const ask = settings.sharedReplay === null ? null : claims.ask
const relay = startRelay(engine, settings, events.emit, faults.report, ask)
process.on('uncaughtException', faults.report)
process.on('unhandledRejection', faults.report)

let drainBy = Number.POSITIVE_INFINITY
let drained = false

try {
  const listening = await engine.listen({
    host: settings.host,
    port: settings.port,
    userTimeoutMs: settings.ackTimeoutMs,
    accepted: relay.accepted,
    exhausted: relay.exhausted,
  })
  port.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'change':
        return relay.change(message.change)
      case 'taken':
        return queue.taken()
      case 'claimed':
        return claims.answer(message.id, message.answer)
      case 'sample':
        return post({
          type: 'sample',
          open: relay.sessions.size,
          pooled: relay.pool.size,
          sample: { ...loop.sample(), ...engine.sample?.() },
        })
      case 'drain':
        listening.close()
        relay.pool.close()
        drainBy = performance.now() + message.ms
    }
  })
  const waker = settings.sharedReplay === null ? null : (engine.waker?.() ?? null)
  post({ type: 'listening', port: listening.port, engine: engine.kind, waker })
  engine.run((now) => {
    relay.pulse(now)
    claims.pulse(now)
    if (now >= drainBy) relay.closeAll()
    events.pulse(now)
    if (drainBy !== Number.POSITIVE_INFINITY && relay.sessions.size === 0) events.flush()
    faults.pulse(now)
    queue.flush()
    if (
      drainBy !== Number.POSITIVE_INFINITY &&
      relay.sessions.size === 0 &&
      queue.waiting === 0 &&
      !drained
    ) {
      drained = true
      post({ type: 'drained' })
    }
    return PULSE_MS
  }, faults.report)
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
}
