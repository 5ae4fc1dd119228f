import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { readTopic } from '../../compose/test/kit/kafka/topic-reader.ts'
import { fakeBackend, readProtobuf } from '../../compose/test/kit/servers/otlp-receiver.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { openKafka } from '../kafka/connect.ts'
import { openProducer } from '../kafka/producer.ts'
import { kafkaSpanExporter } from './kafka-exporter.ts'
import { startTelemetry } from './telemetry.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')
const silent = (): void => {}

/** A connection of two phases that ends with this reason. */
const lived = (id: string, reason: 'done' | 'stalled'): ProxyEvent[] => {
  const own = { v: 1, connection: id, mode: 'secure', user: 'alice', dc: 2, media: false } as const
  return [
    {
      v: 1,
      type: 'connection.accepted',
      connection: id,
      at: 1_000,
      prefix: '192.0.2.0/24',
      client: 'c',
      family: 'ipv4',
      worker: 0,
    },
    {
      ...own,
      type: 'handshake.accepted',
      at: 1_010,
      transport: 'intermediate',
      elapsedMs: 10,
      digest: '',
      client: 'c',
    },
    {
      ...own,
      type: 'connection.closed',
      at: 2_000,
      by: 'client',
      phase: 'waiting',
      reason,
      bytesToClient: 0,
      bytesToDatacenter: 0,
      untoldToClient: 0,
      untoldToDatacenter: 0,
      durationMs: 1_000,
    },
  ]
}
const id = (n: number): string => `${n}`.padStart(32, '0a')

const starting = (env: Record<string, string>, brokers: readonly string[]) => {
  const producer = openProducer(openKafka(testConfig(brokers), 'test', silent), 'mtscope_spans')
  for (const [name, value] of Object.entries(env)) process.env[name] = value
  const telemetry = startTelemetry({
    version: '0.1.0',
    node: 'n1',
    env,
    warn: silent,
    spansTo: [kafkaSpanExporter(producer)],
  })
  return {
    ...telemetry,
    [Symbol.asyncDispose]: async () => {
      for (const name of Object.keys(env)) delete process.env[name]
      await telemetry.stop()
      await producer.close()
    },
  }
}

it('spans are in the topic as OTLP and at the backend of OTEL_*; failed connections are always among them', async () => {
  await using broker = await startKafka()
  await using backend = await fakeBackend()
  {
    await using telemetry = starting(
      { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, OTEL_TRACES_SAMPLER: 'always_off' },
      broker.brokers,
    )
    await telemetry.ready
    for (const event of [...lived(id(1), 'done'), ...lived(id(2), 'stalled')]) telemetry.fold(event)
  }
  await using topic = readTopic(broker.brokers, { topic: 'mtscope_spans' })
  await until(() => topic.messages.length > 0, 'spans in the topic')
  const spans = topic.messages.flatMap(({ value }) => readProtobuf(value))
  assert.ok(spans.length >= 3)
  assert.equal([...new Set(spans.map(({ traceId }) => traceId))], [id(2)])
  const names = spans.map(({ name }) => name)
  assert.ok(names.includes('connection') && names.includes('handshake'), names.join())
  const sent = backend.received.flatMap(({ body }) => readProtobuf(body))
  assert.equal(
    sent.map(({ spanId }) => spanId),
    spans.map(({ spanId }) => spanId),
  )
})

it('without a broker spans are lost and counted, and stopping does not wait for it', async () => {
  const telemetry = starting({ OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10' }, [
    '127.0.0.1:1',
  ])
  await telemetry.ready
  for (let n = 0; n < 500; n++) for (const event of lived(id(n), 'stalled')) telemetry.fold(event)
  const lost = async (): Promise<number> => {
    const { body } = await telemetry.exposition()
    return [...body.matchAll(/^mtscope_spans_lost_total\{reason="\w+"\} (\d+)$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
  }
  await until(async () => (await lost()) > 1_000, 'lost spans are counted')
  const since = performance.now()
  await telemetry[Symbol.asyncDispose]()
  // Three seconds for the spans, half a second for the producer.
  assert.ok(performance.now() - since < 10_000, `${performance.now() - since} ms`)
})

test.run()
