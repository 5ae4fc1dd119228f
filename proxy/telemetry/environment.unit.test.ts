import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readOtel } from './environment.ts'

test('without settings nothing leaves the machine', () => {
  const { disabled, traces, metrics, mistakes } = readOtel({})
  assert.equal(
    { disabled, traces, metrics, mistakes },
    { disabled: false, traces: [], metrics: [], mistakes: [] },
  )
})

test('an endpoint for traces, or for all signals, turns traces on', () => {
  assert.equal(readOtel({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }).traces, ['otlp'])
  assert.equal(readOtel({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }).traces, [
    'otlp',
  ])
  assert.equal(readOtel({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318' }).traces, [])
  assert.equal(readOtel({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }).traces, [])
})

test('exporters are a list, and "none" disables them', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  assert.equal(readOtel({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).traces, [])
  assert.equal(readOtel({ OTEL_TRACES_EXPORTER: 'console, otlp' }).traces, ['console', 'otlp'])
  assert.equal(readOtel({ OTEL_METRICS_EXPORTER: 'prometheus,otlp' }).metrics, ['otlp'])
})

test('the protocol of one signal overrides the common one', () => {
  const { tracesProtocol, metricsProtocol } = readOtel({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
  })
  assert.equal([tracesProtocol, metricsProtocol], ['http/json', 'grpc'])
  assert.is(readOtel({}).tracesProtocol, 'http/protobuf')
})

test('the queue is larger than the SDK’s own, and a batch never larger than the queue', () => {
  assert.is(readOtel({}).queue.spans, 65_536)
  const { queue } = readOtel({ OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_SCHEDULE_DELAY: '250' })
  assert.equal(queue, { spans: 100, batch: 100, delayMs: 250, timeoutMs: 30_000 })
})

test('each unknown value is reported once and counts as unset', () => {
  const { mistakes, traces, queue, tracesProtocol, disabled } = readOtel({
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_BSP_MAX_QUEUE_SIZE: '-1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier-pigeon',
    OTEL_SDK_DISABLED: 'yes',
  })
  assert.equal([...mistakes].sort(), [
    'OTEL_BSP_MAX_QUEUE_SIZE=-1 is not a positive number; 65536 is used',
    'OTEL_EXPORTER_OTLP_PROTOCOL=carrier-pigeon is not supported: use grpc, http/json, http/protobuf',
    'OTEL_TRACES_EXPORTER=zipkin is not supported: use otlp, console, none',
  ])
  assert.equal([traces, queue.spans, tracesProtocol, disabled], [[], 65_536, 'http/protobuf', false])
})

test.run()
