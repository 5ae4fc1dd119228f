import { PerformanceObserver } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { day, ja4, probed } from '../../compose/test/kit/examples/example-day.ts'
import { fakeBackend } from '../../compose/test/kit/servers/otlp-receiver.ts'
import type { Kernel } from '../host/kernel.ts'
import { metrics } from './catalogue/catalogue.ts'
import type { Metric } from './catalogue/metric.ts'
import { runtimeMetrics } from './catalogue/runtime-catalogue.ts'
import type { FindingsReport } from './findings.ts'
import { startTelemetry, type Telemetry } from './telemetry.ts'

const examined: FindingsReport = {
  at: 1_700_000_100_000,
  findings: [
    { id: 'clock.offset', verdict: 'warn', numbers: { aheadSeconds: 7.5 }, detail: false },
    { id: 'host.net.core.somaxconn', verdict: 'ok', numbers: {}, detail: true },
  ],
}

const kernel: Kernel = {
  listenOverflows: () => 3,
  packetsDropped: () => 2,
  pressureSeconds: () => [['memory', 1.5]],
  cpu: () => ({ periods: 100, throttledPeriods: 7, throttledSeconds: 0.7 }),
}

const starting = (env: NodeJS.ProcessEnv = {}): Telemetry & AsyncDisposable => {
  const telemetry = startTelemetry({
    version: '0.1.0',
    node: 'n1',
    env,
    warn: (text) => {
      throw new Error(text)
    },
    sources: {
      logBytes: () => 4096,
      kernel,
      users: () => ({
        enabled: 2,
        disabled: 1,
        readable: true,
        damage: { file: 1, record: 0, key: 0, clash: 0 },
      }),
      pooledConnections: () => 7,
      doctor: () => examined,
      shipping,
      claims: { new: 3, seen: 1, unanswered: 0 },
      userLeases: { granted: 2, refused: 1, unanswered: 0 },
      redisRefusals: { READONLY: 4, OOM: 0 },
      httpRefusals: () => ({ host: 2, busy: 0 }),
      masking: () => [['a.example', false]],
      maskingProfiles: () => [{ domain: 'a.example', quality: 'kept', measuredAt: 1_000 }],
    },
  })
  return { ...telemetry, [Symbol.asyncDispose]: telemetry.stop }
}

/** Values by name and labels, as they stand in the text. */
const scrape = async ({ exposition }: Telemetry): Promise<Map<string, number>> => {
  const { contentType, body } = await exposition()
  assert.is(contentType, 'text/plain; version=0.0.4; charset=utf-8')
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

/** Resolves after a garbage collection that this observer, and so every older one, has seen. */
const collected = (): Promise<void> =>
  new Promise((resolve) => {
    const observer = new PerformanceObserver(() => {
      observer.disconnect()
      resolve()
    })
    observer.observe({ entryTypes: ['gc'] })
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
  })

const shipping = {
  shipped: { events: 3, waitingRows: 1, oldestAt: Date.now() - 2_000 },
  up: true,
  failures: () => [['timeout', 1]] as const,
}

test('events from before OpenTelemetry was loaded are counted', async () => {
  await using telemetry = starting()
  for (const event of day) telemetry.fold(event)
  await telemetry.ready
  const samples = await scrape(telemetry)
  assert.is(samples.get('mtscope_events_emitted_total'), day.length)
  assert.is(samples.get('mtscope_connections_accepted_total'), 52)
})

test('a counter that alerts watch starts at 0, so that its first value cannot be 500', async () => {
  await using telemetry = starting()
  await telemetry.ready
  const samples = await scrape(telemetry)
  for (const sample of [
    'mtscope_handshakes_rejected_total{reason="clock-skew"}',
    'mtscope_limit_refused_total{limit="connections"}',
    'mtscope_signed_hellos_refused_total{reason="unknown-sni"}',
    'mtscope_events_lost_total{reason="log-bounds"}',
    'mtscope_replays_unclaimed_total{action="local"}',
  ])
    assert.is(samples.get(sample), 0, sample)
})

test('each event changes its numbers', async () => {
  await using telemetry = starting()
  await telemetry.ready
  for (const event of day) telemetry.fold(event)
  const samples = await scrape(telemetry)
  const expected: Record<string, number> = {
    // One, and those of the 50 summarised connections that have not closed.
    'mtscope_connections_open{mode="none",dc="none"}': 6,
    mtscope_connections_summarised_total: 50,
    'mtscope_connections_closed_total{by="client",phase="fronting",reason="replayed",dc="none",mode="none"}': 45,
    'mtscope_handshakes_rejected_total{reason="timeout"}': 20,
    'mtscope_bytes_total{direction="to-client",dc="none"}': 9,
    'mtscope_connections_open{mode="tls",dc="2"}': 0,
    'mtscope_connections_closed_total{by="client",phase="relaying",reason="done",dc="2",mode="tls"}': 1,
    // They start at 0: otherwise a first burst between two scrapes would be no increase.
    'mtscope_connections_closed_total{by="client",phase="relaying",reason="reset",dc="2",mode="tls"}': 0,
    'mtscope_connections_closed_total{by="datacenter",phase="waiting",reason="stalled",dc="2",mode="tls"}': 0,
    'mtscope_handshakes_rejected_total{reason="replayed"}': 31,
    [`mtscope_client_hellos_total{ja4="${ja4}",outcome="accepted"}`]: 1,
    [`mtscope_client_hellos_total{ja4="${ja4}",outcome="replayed"}`]: 31,
    'mtscope_handshake_duration_seconds_sum{mode="tls"}': 0.03,
    'mtscope_handshake_duration_seconds_bucket{mode="tls",le="0.025"}': 0,
    'mtscope_handshake_duration_seconds_bucket{mode="tls",le="0.05"}': 1,
    'mtscope_dial_duration_seconds_count{dc="2",pooled="true"}': 1,
    'mtscope_dial_failures_total{dc="2",error="refused"}': 1,
    'mtscope_first_byte_seconds_sum{dc="2",mode="tls"}': 0.09,
    'mtscope_bytes_total{direction="to-client",dc="2"}': 700,
    'mtscope_client_rtt_seconds_sum{mode="tls"}': 0.1,
    'mtscope_client_rtt_seconds_bucket{mode="tls",le="0.05"}': 1,
    'mtscope_client_retransmit_ratio_sum{mode="tls"}': 0.015,
    'mtscope_client_delivery_bytes_per_second_sum{mode="tls"}': 400_000,
    'mtscope_bytes_total{direction="to-datacenter",dc="2"}': 70,
    'mtscope_datacenter_up{dc="2",family="ipv4",media="false"}': 1,
    'mtscope_datacenter_up{dc="2",family="ipv6",media="false"}': 0,
    'mtscope_datacenter_rtt_seconds_sum{dc="2",family="ipv4",media="false"}': 0.025,
    'mtscope_datacenter_probes_failed_total{dc="2",family="ipv4",media="false",error="timeout"}': 1,
    mtscope_replays_refused_total: 31,
    mtscope_fronted_total: 31,
    'mtscope_limit_refused_total{limit="handshakes"}': 3,
    'mtscope_redis_refusals_total{reason="READONLY"}': 4,
    'mtscope_http_refusals_total{reason="host"}': 2,
    'mtscope_http_refusals_total{reason="busy"}': 0,
    'mtscope_events_lost_total{reason="worker-queue"}': 4,
    mtscope_file_descriptors_open: 40,
    mtscope_file_descriptors_limit: 1024,
    'mtscope_event_loop_delay_seconds{thread="worker-0",percentile="99"}': 0.02,
    'mtscope_event_loop_utilization_ratio{thread="worker-0"}': 0.25,
    mtscope_gc_seconds_total: 1.5,
    mtscope_config_reloads_total: 1,
    'mtscope_api_changes_total{action="user.rotate"}': 1,
    'mtscope_build_info{version="0.1.0",node="n1"}': 1,
    mtscope_start_time_seconds: 1_700_000_000,
    mtscope_log_size_bytes: 4096,
    mtscope_host_listen_overflows_total: 3,
    'mtscope_host_pressure_seconds_total{resource="memory"}': 1.5,
    mtscope_cgroup_cpu_throttled_seconds_total: 0.7,
    mtscope_pool_sockets: 7,
    'mtscope_doctor_finding{area="clock",check="clock.offset",verdict="warn"}': 1,
    'mtscope_doctor_finding{area="clock",check="clock.offset",verdict="ok"}': 0,
    mtscope_doctor_look_timestamp_seconds: 1_700_000_100,
    mtscope_clock_offset_seconds: 7.5,
  }
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, samples.get(name)]))
  assert.equal(found, expected)
})

test('a datacenter is down only when none of its addresses answers', async () => {
  await using telemetry = starting()
  await telemetry.ready
  const up = async () =>
    (await scrape(telemetry)).get('mtscope_datacenter_up{dc="2",family="ipv4",media="false"}')
  telemetry.fold({ ...probed, address: 'a:1', tcpMs: 1, resPqMs: 2 })
  telemetry.fold({ ...probed, address: 'b:1', tcpMs: 1, resPqMs: 2 })
  telemetry.fold({ ...probed, address: 'a:1', error: 'timeout' })
  assert.is(await up(), 1)
  telemetry.fold({ ...probed, address: 'b:1', error: 'reset' })
  assert.is(await up(), 0)
})

test('an upstream is down after three failures, and no address answers through it then', async () => {
  await using telemetry = starting()
  await telemetry.ready
  const samples = async () => {
    const all = await scrape(telemetry)
    return [
      all.get('mtscope_upstream_up{upstream="socks5-1"}'),
      all.get('mtscope_datacenter_up{dc="2",family="ipv4",media="false"}'),
    ]
  }
  telemetry.fold({ ...probed, address: 'a:1', tcpMs: 1, resPqMs: 2, upstream: 'socks5-1' })
  const failed = { v: 1, type: 'upstream.failed', at: 1, upstream: 'socks5-1', elapsedMs: 1 } as const
  telemetry.fold({ ...failed, error: 'refused' })
  telemetry.fold({ ...failed, error: 'refused' })
  assert.equal(await samples(), [1, 1])
  telemetry.fold({ ...failed, error: 'login' })
  assert.equal(await samples(), [0, 0])
  assert.is(
    (await scrape(telemetry)).get('mtscope_upstream_failures_total{upstream="socks5-1",error="refused"}'),
    2,
  )
  telemetry.fold({ ...probed, address: 'a:1', tcpMs: 1, resPqMs: 2, upstream: 'socks5-1' })
  assert.equal(await samples(), [1, 1])
})

test('a datacenter that fails through an upstream takes neither the upstream nor other datacenters down', async () => {
  await using telemetry = starting()
  await telemetry.ready
  const through = { ...probed, tcpMs: 1, resPqMs: 2, upstream: 'direct' }
  telemetry.fold({ ...through, address: 'a:1' })
  telemetry.fold({ ...through, dc: 4, address: 'b:1' })
  for (let i = 0; i < 9; i++)
    telemetry.fold({ ...probed, dc: 4, address: 'b:1', error: 'refused', upstream: 'direct' })
  const all = await scrape(telemetry)
  assert.is(all.get('mtscope_upstream_up{upstream="direct"}'), 1)
  assert.is(all.get('mtscope_datacenter_up{dc="2",family="ipv4",media="false"}'), 1)
  assert.is(all.get('mtscope_datacenter_up{dc="4",family="ipv4",media="false"}'), 0)
  telemetry.fold({ ...probed, address: 'a:1', error: 'timeout', upstream: 'direct' })
  assert.is((await scrape(telemetry)).get('mtscope_upstream_up{upstream="direct"}'), 0)
})

test('every metric of the catalogues is on the page with exactly its labels', async () => {
  await using backend = await fakeBackend()
  await using telemetry = starting({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.url })
  await telemetry.ready
  for (const event of day) telemetry.fold(event)
  for (const event of day)
    if (event.type === 'datacenter.dialed') telemetry.fold({ ...event, pooled: false, upstream: 'direct' })
  await collected()
  const samples = [...(await scrape(telemetry)).keys()]
  const labelsOf = (sample: string): string[] =>
    [...sample.matchAll(/(\w+)="/g)].map((match) => match[1] ?? '')
  const all: readonly Metric[] = [...Object.values(metrics), ...Object.values(runtimeMetrics)]
  for (const { name, kind, labels } of all) {
    const ofMetric = samples.filter(
      (sample) => sample.split('{', 1)[0] === (kind === 'histogram' ? `${name}_count` : name),
    )
    assert.ok(ofMetric.length > 0, `${name} is missing`)
    for (const sample of ofMetric) assert.equal(labelsOf(sample).sort(), [...labels].sort(), sample)
  }
  const known = new Set(Object.values(metrics).map(({ name }): string => name))
  const family = (sample: string): string =>
    (sample.split('{', 1)[0] ?? '').replace(/_(count|sum|bucket)$/, '')
  assert.equal(
    samples.map(family).filter((name) => name.startsWith('mtscope_') && !known.has(name)),
    [],
  )
})

test('the resource comes from OTEL_*, and from mtscope where OTEL_* is unset', async () => {
  delete process.env.OTEL_RESOURCE_ATTRIBUTES
  await using telemetry = starting({ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' })
  await telemetry.ready
  const { body } = await telemetry.exposition()
  const target = body.split('\n').find((line) => line.startsWith('target_info{')) ?? ''
  for (const label of [
    'service_name="mtscope"',
    'service_version="0.1.0"',
    'service_instance_id="n1"',
    'deployment_environment_name="test"',
  ]) {
    assert.ok(target.includes(label), `${label} in ${target}`)
  }
  assert.not.match(target, /process_|host_id/)
})

test('concurrent scrapes share one reading', async () => {
  await using telemetry = starting()
  await telemetry.ready
  const [a, b] = await Promise.all([telemetry.exposition(), telemetry.exposition()])
  assert.is(a.body, b.body)
  assert.ok(!/ NaN$|Infinity/m.test(a.body))
})

test.run()
