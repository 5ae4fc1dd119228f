import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  fakeBackend,
  type ReceivedSpan,
  readJson,
  readProtobuf,
} from '../../compose/test/kit/servers/otlp-receiver.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { startTelemetry, type Telemetry } from './telemetry.ts'

const connection = '0af7651916cd43dd8448eb211c80319c'
const own = { v: 1, connection } as const
const session = { mode: 'secure', user: 'alice', dc: 4, media: true } as const
const accepted = 1_700_000_000_000

const dropped: readonly ProxyEvent[] = [
  {
    ...own,
    type: 'connection.accepted',
    at: accepted,
    prefix: '192.0.2.0/24',
    client: 'c',
    family: 'ipv6',
    worker: 0,
  },
  {
    ...own,
    ...session,
    type: 'handshake.accepted',
    at: accepted + 40,
    transport: 'intermediate',
    elapsedMs: 40,
    digest: '',
    client: 'c',
  },
  {
    ...own,
    ...session,
    type: 'datacenter.dialed',
    at: accepted + 100,
    address: '149.154.164.250:443',
    family: 'ipv4',
    pooled: false,
    elapsedMs: 55.25,
  },
  {
    ...own,
    ...session,
    type: 'connection.closed',
    at: accepted + 5_000,
    by: 'datacenter',
    phase: 'waiting',
    reason: 'stalled',
    bytesToClient: 0,
    bytesToDatacenter: 105,
    untoldToClient: 0,
    untoldToDatacenter: 105,
    durationMs: 5_000,
  },
]

const starting = (env: NodeJS.ProcessEnv) => {
  const warnings: string[] = []
  const telemetry = startTelemetry({
    version: '0.1.0',
    node: 'n1',
    env,
    warn: (problem, { reason }) => warnings.push(`${problem}: ${reason}`),
  })
  return { ...telemetry, warnings }
}

/** Sets variables that the SDK reads from the environment, until the end of the test. */
const settings = (env: Record<string, string>): { env: Record<string, string> } & Disposable => ({
  env,
  [Symbol.dispose]: () => {
    for (const name of Object.keys(env)) delete process.env[name]
  },
})

/** Resolves once a number on the metrics page reaches `value`; reads it at each turn of the loop. */
const reached = async ({ exposition }: Telemetry, pattern: RegExp, value: number): Promise<void> => {
  while (Number(pattern.exec((await exposition()).body)?.[1]) < value) await new Promise(setImmediate)
}

const ns = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n

const isTheTree = (spans: readonly ReceivedSpan[]): void => {
  const root = connection.slice(16)
  assert.equal(
    spans.map(({ name, kind, start, end, status, parentSpanId }) => [
      name,
      kind,
      start,
      end,
      status,
      parentSpanId,
    ]),
    [
      ['handshake', 1, ns(accepted), ns(accepted + 40), 0, root],
      ['dial', 3, ns(accepted + 44.75), ns(accepted + 100), 0, root],
      ['waiting', 1, ns(accepted + 100), ns(accepted + 5_000), 2, root],
      ['connection', 2, ns(accepted), ns(accepted + 5_000), 2, ''],
    ],
  )
  assert.ok(spans.every(({ traceId }) => traceId === connection))
  assert.is(spans.at(-1)?.spanId, root)
  assert.is(new Set(spans.map(({ spanId }) => spanId)).size, 4)
  assert.equal(spans[1]?.attributes, {
    'network.peer.address': '149.154.164.250',
    'network.peer.port': 443,
    'network.type': 'ipv4',
    'mtscope.dial.pooled': false,
  })
  assert.equal(spans.at(-1)?.attributes, {
    'network.transport': 'tcp',
    'network.type': 'ipv6',
    'network.protocol.name': 'mtproto',
    'mtscope.client.prefix': '192.0.2.0/24',
    'thread.name': 'worker-0',
    'mtscope.mode': 'secure',
    'mtscope.user': 'alice',
    'mtscope.dc': 4,
    'mtscope.media': true,
    'mtscope.close.by': 'datacenter',
    'mtscope.close.phase': 'waiting',
    'mtscope.close.reason': 'stalled',
    'mtscope.bytes.to_client': 0,
    'mtscope.bytes.to_datacenter': 105,
    'error.type': 'stalled',
  })
}

for (const [protocol, type, read] of [
  ['http/protobuf', 'application/x-protobuf', readProtobuf],
  ['http/json', 'application/json', readJson],
] as const) {
  test(`a backend that speaks OTLP over ${protocol} gets the tree of a connection`, async () => {
    await using backend = await fakeBackend()
    using set = settings({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol })
    const telemetry = starting(set.env)
    await telemetry.ready
    for (const event of dropped) telemetry.fold(event)
    await telemetry.stop()
    assert.equal(
      backend.received.map(({ path, type }) => [path, type]),
      [['/v1/traces', type]],
    )
    isTheTree(backend.received.flatMap(({ body }) => read(body)))
    assert.equal(telemetry.warnings, [])
  })
}

test('the backend has the setup phases while the connection is still open', async () => {
  await using backend = await fakeBackend()
  using set = settings({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${backend.url}/t`,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
  })
  const telemetry = starting(set.env)
  await telemetry.ready
  for (const event of dropped.slice(0, 3)) telemetry.fold(event)
  await reached(telemetry, /^mtscope_spans_exported_total (\d+)$/m, 2)
  assert.equal(
    backend.received.flatMap(({ body }) => readProtobuf(body)).map(({ name }) => name),
    ['handshake', 'dial'],
  )
  await telemetry.stop()
})

test('a backend that refuses spans: they are counted, one warning per minute, and nothing throws', async () => {
  await using backend = await fakeBackend()
  backend.status = 400
  using set = settings({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' })
  const telemetry = starting(set.env)
  await telemetry.ready
  for (const event of dropped) telemetry.fold(event)
  await reached(telemetry, /^mtscope_spans_lost_total\{reason="export"\} (\d+)$/m, 4)
  await telemetry.stop()
  assert.is(telemetry.warnings.length, 1, telemetry.warnings.join('\n'))
  assert.not.match(telemetry.warnings[0] ?? '', /\/proxy\/|node_modules|stack/)
})

test('spans beyond the queue are lost and counted, and the first ones are kept', async () => {
  await using backend = await fakeBackend()
  using set = settings({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, OTEL_BSP_MAX_QUEUE_SIZE: '3' })
  const telemetry = starting({ ...set.env, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '512' })
  await telemetry.ready
  // One turn of the loop: the exporter sends nothing in between.
  for (let i = 0; i < 10; i++) for (const event of dropped) telemetry.fold(event)
  const { body } = await telemetry.exposition()
  await telemetry.stop()
  const kept = backend.received.flatMap(({ body }) => readProtobuf(body)).length
  const lost = Number(/^mtscope_spans_lost_total\{reason="queue"\} (\d+)$/m.exec(body)?.[1])
  assert.ok(lost > 0)
  assert.is(kept + lost, 40)
})

test('OTEL_METRICS_EXPORTER=otlp also pushes metrics', async () => {
  await using backend = await fakeBackend()
  using set = settings({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${backend.url}/m`,
    OTEL_METRICS_EXPORTER: 'otlp',
  })
  const telemetry = starting(set.env)
  await telemetry.ready
  await telemetry.stop()
  assert.equal(
    backend.received.map(({ path }) => path),
    ['/m'],
  )
  assert.ok(backend.received[0]?.body.includes('mtscope_events_emitted_total'))
})

test('without an endpoint no span is made', async () => {
  const telemetry = starting({})
  await telemetry.ready
  for (const event of dropped) telemetry.fold(event)
  assert.not.match((await telemetry.exposition()).body, /mtscope_spans/)
  await telemetry.stop()
})

test.run()
