import { parentPort, workerData } from 'node:worker_threads'
import type { Emit } from '../../events/contract.ts'
import { watchLoop } from '../../host/event-loop.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { libc } from '../../net/epoll/libc.ts'
import { markingLibc } from '../../net/epoll/marking-libc.ts'
import { PULSE_MS } from '../../net/link.ts'
import { portableEngine } from '../../net/node-net/engine.ts'
import { headroom, leastRecord } from '../../wire/records.ts'
import { claimRequests } from '../claim-requests.ts'
import { faultCounter } from '../faults.ts'
import { startRelay } from '../relay.ts'
import type { FromWorker, RelaySettings, ToWorker } from '../settings.ts'
import { eventBudget } from './event-budget.ts'
import type { Ledger } from './ledger.ts'
import { listenAll } from './listen-all.ts'
import { eventQueue } from './queue.ts'

export type WorkerData = { readonly settings: RelaySettings; readonly ledger: Ledger }

/**
 * How long events wait for others. With Kafka they are on their way within 100 ms; a local event log is written four times
 * a second, so that a kill of the process loses the events of a quarter of a second.
 */
const GATHER_MS = { shipped: PULSE_MS, local: 250 }
/** Longest time between two pulses of a thread that does nothing: the relay looks for silent connections once a second. */
const IDLE_MS = 1_000

const { settings, ledger } = workerData as WorkerData
const port = parentPort!
const post = (message: FromWorker): void => port.postMessage(message)

const largest = Math.max(
  settings.toClientBuffer.low,
  settings.toClientBuffer.high,
  settings.toDatacenterBuffer,
  65_536,
)
const scratch = largest + headroom(largest, leastRecord)
const warn = (message: string): void => post({ type: 'warning', message })
const marking = libc && markingLibc(libc, ledger.descriptors)
const engine = (settings.portable ? null : nativeEngine(scratch, warn, marking)) ?? portableEngine(scratch)
const thread = `worker-${settings.worker}`
const loop = watchLoop(thread)
const queue = eventQueue(post)
const gatherMs = settings.shipped ? GATHER_MS.shipped : GATHER_MS.local
const emitted = new Int32Array(ledger.emitted)
const emit: Emit = (event) => {
  emitted[0]!++
  queue.emit(event)
}
const events = eventBudget(settings.eventBudget, settings.worker, Date.now, emit)
const claims = claimRequests((id, digest, connection, lease) =>
  post({ type: 'claim', id, digest, connection, lease }),
)
const faults = faultCounter(thread, emit, (message) => post({ type: 'fault', message }))
const ask = settings.sharedReplay === null ? null : claims.ask
const relay = startRelay(engine, settings, events.emit, faults.report, ask)
relay.newHello = (domain, kind, template) => post({ type: 'hello', domain, kind, template })
process.on('uncaughtException', faults.report)
process.on('unhandledRejection', faults.report)

let drainBy = Number.POSITIVE_INFINITY
let drained = false
/** The last pulse at which no event waited. */
let emptyAt = 0
const isDraining = (): boolean => drainBy !== Number.POSITIVE_INFINITY

try {
  const listening = await listenAll(engine, relay, settings)
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
        for (const one of listening) one.close()
        relay.pool.close()
        drainBy = performance.now() + message.ms
    }
  })
  post({
    type: 'listening',
    engine: engine.kind,
    waker: engine.waker?.() ?? null,
    congestion: listening[0]?.congestion ?? '',
  })
  const pulse = (now: number): void => {
    relay.pulse(now)
    claims.pulse(now)
    if (now >= drainBy) relay.closeAll()
    events.pulse(now)
    const isEmpty = isDraining() && relay.sessions.size + relay.arriving.size === 0
    if (isEmpty) events.flush()
    faults.pulse(now)
    if (isDraining() || now - emptyAt >= gatherMs) queue.flush()
    if (queue.waiting === 0) emptyAt = now
    if (!isEmpty || queue.waiting > 0 || drained) return
    drained = true
    post({ type: 'drained' })
  }
  const patience = (): number => {
    if (isDraining() || claims.waiting > 0) return PULSE_MS
    return Math.min(relay.patience(), queue.waiting > 0 ? gatherMs : IDLE_MS)
  }
  engine.run({ pulse, patience }, faults.report)
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
}
