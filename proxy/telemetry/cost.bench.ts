import { fakeBackend, readProtobuf } from '../../compose/test/kit/servers/otlp-receiver.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { readOtel } from './environment.ts'
import { foldMetrics } from './metrics.ts'
import { startSdk } from './sdk.ts'
import { foldSpans } from './spans.ts'

// Measures what telemetry costs the main thread. Run: node --expose-gc proxy/telemetry/cost.bench.ts

const about = { version: 'bench', node: 'bench' }
const connections = 20_000
const rounds = 5
const idleMs = 20_000

const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

const life = (i: number): readonly ProxyEvent[] => {
  const hex = (n: number): string => (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  const own = { v: 1, connection: hex(i) + hex(i + 1) + hex(i + 2) + hex(i + 3) } as const
  const session = { mode: i % 2 ? 'tls' : 'secure', user: 'user1', dc: (i % 5) + 1, media: false } as const
  const at = 1_700_000_000_000 + i
  const bytes = { bytesToClient: 5_000, bytesToDatacenter: 500 }
  const undelivered = { untoldToClient: 1, untoldToDatacenter: 1 }
  return [
    {
      ...own,
      type: 'connection.accepted',
      at,
      prefix: '192.0.2.0/24',
      client: 'c',
      family: 'ipv4',
      worker: i % 2,
    },
    {
      ...own,
      ...session,
      type: 'handshake.accepted',
      at,
      transport: 'abridged',
      elapsedMs: i % 50,
      digest: '',
      client: '',
    },
    {
      ...own,
      ...session,
      type: 'datacenter.dialed',
      at,
      address: '149.154.167.51:443',
      family: 'ipv4',
      pooled: i % 3 > 0,
      elapsedMs: i % 7,
    },
    { ...own, ...session, type: 'connection.first-byte', at, direction: 'to-datacenter', sinceAcceptedMs: 3 },
    {
      ...own,
      ...session,
      type: 'connection.first-byte',
      at,
      direction: 'to-client',
      sinceAcceptedMs: 9,
      sinceRequestMs: i % 90,
    },
    { ...own, ...session, type: 'connection.progress', at, ...bytes },
    {
      ...own,
      ...session,
      type: 'connection.closed',
      at,
      by: 'client',
      phase: 'relaying',
      reason: 'done',
      ...bytes,
      ...undelivered,
      durationMs: 2_000,
    },
  ]
}

const events = Array.from({ length: connections }, (_, i) => life(i)).flat()

const perEvent = (fold: (event: ProxyEvent) => void): string => {
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    for (const event of events) fold(event)
    return (cpuMs(before) * 1000) / events.length
  }).sort((a, b) => a - b)
  return `${times[rounds >> 1]?.toFixed(2)} µs (${times[0]?.toFixed(2)}–${times.at(-1)?.toFixed(2)})`
}

await using backend = await fakeBackend()
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = backend.url
const began = { at: performance.now(), cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }
const sdk = await startSdk(readOtel(process.env), about, console.error)
console.log(
  `start of the SDK: ${(performance.now() - began.at).toFixed(0)} ms, ${cpuMs(began.cpu).toFixed(0)} ms of CPU`,
)
console.log(`memory of the SDK: ${((process.memoryUsage.rss() - began.rss) / 1e6).toFixed(0)} MB`)

console.log(`metrics, per event: ${perEvent(foldMetrics(sdk.meter, about))}`)
console.log(
  `spans folded, per event: ${perEvent(
    foldSpans(
      () => true,
      () => {},
    ),
  )}`,
)
console.log(
  `spans outside the sample, per event: ${perEvent(
    foldSpans(
      () => false,
      () => {},
    ),
  )}`,
)

const before = performance.now()
for (let i = 0; i < 10; i++) await sdk.exposition()
console.log(`scrape: ${((performance.now() - before) / 10).toFixed(1)} ms`)

globalThis.gc?.()
const idle = process.cpuUsage()
await new Promise((resolve) => setTimeout(resolve, idleMs))
console.log(`idle: ${((cpuMs(idle) * 60_000) / idleMs).toFixed(0)} ms of CPU per minute`)

// Includes encoding, sending, and the backend in this same process that reads them.
const some = events.slice(0, 7 * 5_000)
const sending = process.cpuUsage()
const trace = foldSpans(() => true, sdk.traces!.take)
for (const event of some) trace(event)
await sdk.shutdown()
const sent = cpuMs(sending)
const spans = backend.received.map(({ body }) => readProtobuf(body).length).reduce((sum, n) => sum + n, 0)
console.log(`spans to a backend, per span: ${((sent * 1000) / spans).toFixed(1)} µs; ${spans} arrived`)
