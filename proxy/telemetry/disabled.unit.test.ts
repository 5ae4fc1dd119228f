import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTelemetry } from './telemetry.ts'

// Every copy of OpenTelemetry's API sets this symbol once a provider is registered.
const registered = (): unknown =>
  (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')]

const unattached = { version: '0.1.0', node: 'n1', warn: () => {} }

test('OTEL_SDK_DISABLED=true loads nothing, and /metrics states it', async () => {
  const telemetry = startTelemetry({ ...unattached, env: { OTEL_SDK_DISABLED: 'TRUE' } })
  telemetry.fold({ v: 1, type: 'process.stopped', at: 0, reason: 'x' })
  await telemetry.ready
  assert.match((await telemetry.exposition()).body, /^# OTEL_SDK_DISABLED=true/)
  assert.is(registered(), undefined)
  await telemetry.stop()
})

test('nothing is loaded before the proxy listens, and /metrics answers meanwhile', async () => {
  const listening = Promise.withResolvers<void>()
  const telemetry = startTelemetry({ ...unattached, env: {}, listening: listening.promise })
  assert.match((await telemetry.exposition()).body, /^# OpenTelemetry is not loaded/)
  assert.is(registered(), undefined)
  listening.resolve()
  await telemetry.ready
  assert.match((await telemetry.exposition()).body, /^mtscope_events_emitted_total 0$/m)
  await telemetry.stop()
})

test('stopping does not wait for a proxy that never listens, and logs no warning', async () => {
  const warnings: string[] = []
  const warn = (text: string): void => void warnings.push(text)
  for (const listening of [Promise.reject(new Error('port taken')), new Promise(() => {})]) {
    const began = performance.now()
    const telemetry = startTelemetry({ ...unattached, warn, env: {}, listening })
    await telemetry.stop()
    // A stop that waits for the SDK takes three seconds.
    assert.ok(performance.now() - began < 2_500)
  }
  assert.equal(warnings, [])
})

test.run()
