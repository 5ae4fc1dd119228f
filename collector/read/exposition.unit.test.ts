import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  emitter,
  folded,
  noon,
  rejected,
  sampled,
  session,
} from '../../compose/test/kit/examples/example-events.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { metrics as ofProxy } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { createMemoryState } from '../fold/state.ts'
import { type Context, createExposition } from './exposition.ts'
import { metrics } from './metrics.ts'
import { formatFor } from './openmetrics.ts'

const context: Context = {
  now: noon + 1000,
  fleet: 'here',
  lagMs: 40,
  repeated: 2,
  active: [{ rule: 'datacenter-down', subject: 'dc "2"\\\nipv4' }],
  raisedTotal: new Map([['datacenter-down', 3]]),
  fleetwork: {
    behind: new Map([[0, 7]]),
    foldedRatio: 0.25,
    refused: 0,
    replaced: 4,
    held: 1,
    commits: 4,
    stale: 0,
    mirrorAgeMs: 500,
    up: { kafka: true, redis: false },
    failing: { kafka: null, redis: 'READONLY' },
    httpRefusals: { host: 2, busy: 0 },
  },
}
const openmetrics = 'application/openmetrics-text; version=1.0.0'

const busy = () =>
  folded(
    sampled(noon),
    ...session({ toClient: 100, toDatacenter: 7, user: 'ann' }),
    ...session({ toClient: 50, user: 'b"o\\b', reason: 'reset' }),
    ...session({ user: 'Оля' }).slice(0, 2),
    rejected(noon, 'quota', { user: 'ann' }),
    { v: 1, type: 'events.lost', at: noon, reason: 'worker-queue', count: 9 },
  )

const name = /[a-zA-Z_:][a-zA-Z0-9_:]*/.source
const label = /[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/.source
const sampleLine = new RegExp(`^(${name})(?:\\{((?:${label})(?:,${label})*)\\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$`)

/** A strict parser of both formats, which throws at anything outside of the grammar. Samples by their name and labels. */
const parse = (body: string, strict: 'prometheus' | 'openmetrics'): Map<string, number> => {
  assert.is(body.at(-1), '\n')
  const lines = body.slice(0, -1).split('\n')
  if (strict === 'openmetrics') assert.is(lines.pop(), '# EOF')
  const samples = new Map<string, number>()
  const families = new Map<string, string>()
  let family = ''
  for (const line of lines) {
    const comment = new RegExp(`^# (HELP|TYPE|UNIT) (${name}) (.+)$`).exec(line)
    if (comment) {
      const [, kind, of = '', rest = ''] = comment
      if (kind === 'HELP') {
        assert.not(families.has(of), `${of} appears twice`)
        family = of
        families.set(family, '')
      }
      assert.is(of, family)
      if (kind === 'TYPE') families.set(of, rest)
      if (kind === 'UNIT') assert.ok(strict === 'openmetrics' && of.endsWith(`_${rest}`))
      continue
    }
    const sample = sampleLine.exec(line)
    assert.ok(sample, `not a sample: ${line}`)
    const [, of = '', labels = '', value = ''] = sample!
    const suffix = of.slice(family.length)
    const type = families.get(family)
    assert.ok(of.startsWith(family), `${of} is not of ${family}`)
    if (type === 'histogram') assert.ok(['_bucket', '_sum', '_count'].includes(suffix))
    else if (type === 'counter') assert.is(suffix, strict === 'openmetrics' ? '_total' : '')
    else assert.is(suffix, '')
    assert.match(labels, /(?:^|,)fleet="here"$/)
    const key = `${of}{${labels.replace(/,?fleet="here"$/, '')}}`
    assert.not(samples.has(key), `${key} appears twice`)
    samples.set(key, Number(value.replace('Inf', 'Infinity')))
  }
  return samples
}

test('both formats have the same samples and follow their grammar', () => {
  const expose = createExposition()
  const [text, open] = [expose(busy(), context), expose(busy(), context, openmetrics)]
  assert.match(text.contentType, /^text\/plain; version=0\.0\.4/)
  assert.match(open.contentType, /^application\/openmetrics-text; version=1\.0\.0/)
  assert.equal([...parse(text.body, 'prometheus')], [...parse(open.body, 'openmetrics')])
})

test('a state that may be older than the last scrape exports no counters: a gap, not a dip', () => {
  const all = parse(createExposition()(busy(), context).body, 'prometheus')
  const some = parse(createExposition()(busy(), { ...context, settled: false }).body, 'prometheus')
  const missing = [...all.keys()]
    .filter((sample) => !some.has(sample))
    .map((sample) => sample.replace(/\{.*/, ''))
  const left = Object.values(metrics).filter(
    ({ name, kind }) => kind !== 'gauge' && [...some.keys()].some((sample) => sample.startsWith(name)),
  )
  assert.ok(
    missing.includes('mtscope_sessions_total') && missing.includes('mtscope_session_duration_seconds_bucket'),
  )
  // Counters of the process itself.
  assert.equal(left.map(({ name }) => name.replace('mtscope_collector_', '')).sort(), [
    'commits_total',
    'events_repeated_total',
    'http_refusals_total',
    'stale_commits_total',
    'state_refused_total',
    'state_replaced_total',
  ])
})

test('totals of users, days, months, stages and drops are exported, with labels escaped', () => {
  const samples = parse(createExposition()(busy(), context).body, 'prometheus')
  const expected: Record<string, number> = {
    'mtscope_user_bytes_total{user="ann",direction="to-client"}': 100,
    'mtscope_user_bytes_total{user="b\\"o\\\\b",direction="to-client"}': 50,
    'mtscope_user_connections_open{user="Оля"}': 1,
    'mtscope_day_bytes{direction="to-client"}': 150,
    'mtscope_month_bytes{direction="to-datacenter"}': 7,
    'mtscope_lifetime_sessions_total{}': 3,
    'mtscope_sessions_total{stage="authenticated"}': 3,
    'mtscope_sessions_total{stage="connected"}': 2,
    'mtscope_sessions_dropped_total{dc="2"}': 1,
    'mtscope_session_drop_ratio{dc="2"}': 0.5,
    'mtscope_session_duration_seconds_bucket{le="5.0"}': 2,
    'mtscope_session_duration_seconds_bucket{le="+Inf"}': 2,
    'mtscope_session_duration_seconds_sum{}': 10,
    'mtscope_collector_events_lost_total{reason="worker-queue"}': 9,
    'mtscope_collector_events_lost_total{reason="unexplained"}': 0,
    'mtscope_collector_events_repeated_total{}': 2,
    'mtscope_collector_lag_seconds{}': 0.04,
    'mtscope_nodes_alive{}': 1,
    'mtscope_alert_active{rule="datacenter-down",subject="dc \\"2\\"\\\\\\nipv4"}': 1,
    'mtscope_alerts_raised_total{rule="datacenter-down"}': 3,
  }
  for (const [sample, value] of Object.entries(expected)) assert.is(samples.get(sample), value, sample)
})

test('a hello is a complete first message, of a client or not', () => {
  const state = folded(
    ...session({}),
    rejected(noon, 'bad-digest'),
    rejected(noon, 'unknown-user'),
    { ...rejected(noon, 'not-mtproto'), ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1' } as ProxyEvent,
    rejected(noon, 'not-mtproto'),
    rejected(noon, 'timeout'),
  )
  const samples = parse(createExposition()(state, context).body, 'prometheus')
  assert.is(samples.get('mtscope_sessions_total{stage="hello"}'), 4)
  assert.is(samples.get('mtscope_sessions_total{stage="authenticated"}'), 1)
})

test('a collector that has not read the state exports only its own numbers', () => {
  const samples = parse(createExposition()(busy(), { ...context, blank: true }).body, 'prometheus')
  assert.is(samples.get('mtscope_collector_service_up{service="kafka"}'), 1)
  assert.is(samples.get('mtscope_collector_http_refusals_total{reason="host"}'), 2)
  assert.is(samples.get('mtscope_collector_folded_ratio{}'), 0.25)
  assert.is(samples.get('mtscope_collector_state_replaced_total{}'), 4)
  for (const of of [
    'lifetime_sessions_total',
    'sessions_total',
    'collector_dead_letters_total',
    'session_duration_seconds_count',
  ])
    assert.not(
      [...samples.keys()].some((sample) => sample.startsWith(`mtscope_${of}{`)),
      of,
    )
})

test('users beyond the cap share one label and are counted; a user keeps its label', () => {
  const expose = createExposition(2)
  const state = createMemoryState()
  const emit = emitter(state)
  for (const [user, toClient] of [
    ['a', 5],
    ['b', 50],
    ['c', 500],
  ] as const)
    emit(...session({ user, toClient }))
  const bytes = (user: string) =>
    parse(expose(state, context).body, 'prometheus').get(
      `mtscope_user_bytes_total{user="${user}",direction="to-client"}`,
    )
  assert.equal(['a', 'b', 'c', 'other'].map(bytes), [undefined, 50, 500, 5])
  emit(...session({ user: 'a', toClient: 9000 }))
  assert.equal(['a', 'b', 'c', 'other'].map(bytes), [undefined, 50, 500, 9005])
  assert.match(expose(state, context).body, /^mtscope_user_labels_capped{fleet="here"} 1$/m)
})

test('each name is exported by one program only, and follows the conventions of Prometheus', () => {
  const taken = new Set(Object.values(ofProxy).map((metric) => metric.name as string))
  for (const metric of Object.values(metrics)) {
    assert.not(taken.has(metric.name), metric.name)
    taken.add(metric.name)
    assert.match(metric.name, /^mtscope_[a-z_]+$/)
    assert.is(metric.name.endsWith('_total'), metric.kind === 'counter', metric.name)
    const base = metric.name.replace(/_total$/, '')
    if (metric.unit === 's') assert.ok(base.endsWith('_seconds'), base)
    if (metric.unit === 'By') assert.ok(base.endsWith('_bytes'), base)
    assert.ok(!metric.help.endsWith('.'))
  }
})

test('every metric of the catalogue is exported once it has a value', () => {
  const { body } = createExposition()(busy(), context)
  for (const { name: of } of Object.values(metrics)) assert.match(body, new RegExp(`^# TYPE ${of} `, 'm'))
})

test('OpenMetrics is returned only if the scraper asks for it', () => {
  assert.is(formatFor(undefined), 'prometheus')
  assert.is(formatFor('*/*'), 'prometheus')
  assert.is(formatFor('text/plain;version=0.0.4;q=0.5,*/*;q=0.1'), 'prometheus')
  assert.is(formatFor('application/openmetrics-text;version=1.0.0;q=0'), 'prometheus')
  assert.is(
    formatFor('application/openmetrics-text;version=1.0.0,application/openmetrics-text;q=0.5'),
    'openmetrics',
  )
})

test.run()
