import { cpus } from 'node:os'
import { noon, probe, sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import type { Batch, ProxyEvent } from '../../proxy/events/contract.ts'
import { examine } from '../alerts/engine/examine.ts'
import { type Baseline, createBaseline } from '../alerts/rules/baseline.ts'
import { createExposition } from '../read/exposition.ts'
import { buildStatus } from '../read/status-builder.ts'
import { fold } from './fold.ts'
import { packSnapshot, readSnapshot } from './snapshot.ts'
import { createMemoryState } from './state.ts'

// `node collector/fold/fold.bench.ts`: the CPU time that the collector takes, of this process.

const cpuMs = (run: () => void): number => {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const median = (runs: number, run: () => void): number => {
  const times = Array.from({ length: runs }, () => cpuMs(run)).sort((a, b) => a - b)
  return times[runs >> 1]!
}

const print = (label: string, value: number, unit: string): void =>
  console.log(`${label.padEnd(58)} ${value.toFixed(2).padStart(9)} ${unit}`)

const users = 20
const dcs = 5

/** The seven events of one connection. */
const connectionEvents = (i: number, at: number): ProxyEvent[] => {
  const dc = 1 + (i % dcs)
  const user = `user-${i % users}`
  const of = { at, user, dc, mode: i % 2 ? ('tls' as const) : ('secure' as const), media: i % 7 === 0 }
  const [accepted, authenticated, dialed, closed] = session({ ...of, toClient: 12_000, toDatacenter: 900 })
  const connected = { ...of, v: 1 as const, connection: '0123456789abcdef0123456789abcdef' }
  return [
    accepted!,
    authenticated!,
    dialed!,
    { ...connected, type: 'connection.first-byte', direction: 'to-datacenter', sinceAcceptedMs: 60 },
    {
      ...connected,
      type: 'connection.first-byte',
      direction: 'to-client',
      sinceAcceptedMs: 120,
      sinceRequestMs: 60 + (i % 90),
    },
    { ...connected, type: 'connection.progress', bytesToClient: 50_000, bytesToDatacenter: 2000 },
    closed!,
  ]
}

const batchesOf = (connections: number, perBatch: number): Batch[] => {
  const batches: Batch[] = []
  let seq = 1
  for (let i = 0; i < connections; i += perBatch) {
    const events = Array.from({ length: perBatch }, (_, n) =>
      connectionEvents(i + n, noon + (i + n) * 3),
    ).flat()
    batches.push({ node: 'n1', boot: 'b1', seq, events })
    seq += events.length
  }
  return batches
}

console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}`)

for (const perBatch of [1, 5, 50]) {
  const batches = batchesOf(20_000, perBatch)
  const events = 20_000 * 7
  const time = median(5, () => {
    const state = createMemoryState()
    for (const batch of batches) fold(state, batch)
  })
  print(`fold, ${perBatch * 7} events per batch`, (time * 1000) / events, 'µs per event')
  print('  of one core at 20,000 events per second', (time / events) * 20_000 * 0.1, '%')
}

// Two days of a host that is always busy: the largest state.
const state = createMemoryState()
let seq = 1
for (let at = noon - 48 * 3_600_000; at <= noon; at += 10_000) {
  const events = Array.from({ length: 12 }, (_, i) =>
    session({ at, user: `user-${i % users}`, dc: 1 + (i % dcs), reason: i % 5 === 0 ? 'reset' : 'done' }),
  ).flat()
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (let dc = 1; dc <= dcs; dc++) events.push(probe(at, 40 + dc, dc, family))
  }
  events.push(sampled(at))
  fold(state, { node: 'n1', boot: 'b1', seq, events })
  seq += events.length
}
state.expire(noon)

print('state after two busy days', state.entries(), 'entries')
let text = ''
const first = cpuMs(() => {
  text = state.snapshot()
})
print('first snapshot', first, 'ms')
print('  size', text.length / 1e6, 'MB')
print(
  'compress it',
  median(5, () => packSnapshot(text)),
  'ms',
)
print('  size', packSnapshot(text).length / 1e6, 'MB')
fold(state, { node: 'n1', boot: 'b1', seq, events: session({ at: noon }) })
print(
  'next snapshot',
  median(5, () => state.snapshot()),
  'ms',
)
print(
  'read it back',
  median(3, () => readSnapshot(text)),
  'ms',
)

const evaluate = (baseline: Baseline): void => {
  const times = { now: noon + 1000, watchingSince: 0, evenSince: 0 }
  const watch = { ...times, state, baseline, lagMs: 0, factor: 1 }
  examine({ ...watch, raised: () => undefined })
}
const known = createBaseline(state)
print(
  'alert rules, first evaluation of a minute',
  median(5, () => evaluate(createBaseline(state))),
  'ms',
)
print(
  'alert rules, each second',
  median(21, () => evaluate(known)),
  'ms',
)
print(
  'status',
  median(9, () => buildStatus(state, { version: '1', alerts: [], lagMs: 0, now: noon })),
  'ms',
)
const expose = createExposition()
const context = {
  now: noon,
  fleet: 'here',
  lagMs: 0,
  repeated: 0,
  active: [],
  raisedTotal: new Map<string, number>(),
}
print(
  'exposition',
  median(9, () => expose(state, context)),
  'ms',
)
