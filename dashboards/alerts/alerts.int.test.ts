import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensurePrometheus, promtool } from '../../compose/test/services/prometheus.ts'
import { alertsFile, scaledGroups } from './alerts.ts'
import { cases } from './cases.ts'
import { watcherJobs } from './host-rules.ts'
import type { Case } from './pipeline-cases.ts'
import { alertGroups } from './rules.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'promtool is missing')
const rules = alertGroups.flatMap((group) => group.rules)

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-alerts-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const unitTest = ({ name, series, at, firing, step }: Case) => ({
  name,
  interval: step ?? '30s',
  input_series: Object.entries(series).map(([of, values]) => ({ series: of, values })),
  promql_expr_test: [
    {
      expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: at,
      exp_samples: [...firing]
        .sort()
        .map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
    },
  ],
})

const run = (chosen: readonly Case[], interval: string): void => {
  using dir = folder()
  const [file, tests] = [join(dir.path, 'alerts.yaml'), join(dir.path, 'tests.yaml')]
  writeFileSync(file, alertsFile())
  // JSON is YAML.
  writeFileSync(
    tests,
    JSON.stringify({ rule_files: [file], evaluation_interval: interval, tests: chosen.map(unitTest) }),
  )
  const { ok, printed } = promtool('test', 'rules', tests)
  assert.ok(ok, printed)
}

it('promtool accepts the rule file without a lint finding', () => {
  using dir = folder()
  const file = join(dir.path, 'alerts.yaml')
  writeFileSync(file, alertsFile())
  const { ok, printed } = promtool('check', 'rules', '--lint=all', '--lint-fatal', file)
  assert.ok(ok, printed)
})

it('each case of minutes and hours fires exactly its alerts', () => {
  run(
    cases.filter(({ step }) => step === undefined),
    '1m',
  )
})

it('each case of hours and days fires exactly its alerts', () => {
  run(
    cases.filter(({ step }) => step === '2m'),
    '5m',
  )
})

it('scaled rules are valid, and every duration in them is scaled', () => {
  const faster = scaledGroups(0.1).flatMap((group) => group.rules)
  for (const [nth, rule] of faster.entries()) {
    const was = rules[nth]!
    assert.match(rule.for, /^\d+ms$/)
    const lengths = (expr: string) =>
      [...expr.replaceAll(/"[^"]*"/g, '').matchAll(/\b\d+(?:ms|[smhdwy])\b/g)].map(([length]) => length)
    assert.ok(
      lengths(rule.expr).every((length) => length.endsWith('ms')),
      rule.expr,
    )
    assert.is(lengths(rule.expr).length, lengths(was.expr).length)
  }
  assert.is(faster.find(({ alert }) => alert === 'MtscopeHostCpu')?.for, '18000ms')
  using dir = folder()
  const file = join(dir.path, 'alerts.yaml')
  writeFileSync(file, alertsFile(scaledGroups(0.1), '1s'))
  const { ok, printed } = promtool('check', 'rules', file)
  assert.ok(ok, printed)
})

test('a rule scaled by one keeps its durations; a wrong duration is refused', () => {
  const [group] = scaledGroups(1, [
    { name: 'g', rules: [{ ...rules[0]!, expr: 'up[5m] offset 1h', for: '1m' }] },
  ])
  assert.is(group?.rules[0]?.expr, 'up[300000ms] offset 3600000ms')
  assert.throws(() => scaledGroups(0.5, [{ name: 'g', rules: [{ ...rules[0]!, for: 'soon' }] }]), 'soon')
})

test('every rule fires in one case, and stays quiet in another case with its series', () => {
  for (const { alert, expr } of rules) {
    assert.ok(
      cases.some(({ firing }) => firing.includes(alert)),
      `${alert} never fires`,
    )
    const named = (series: string): boolean =>
      expr.includes(series.replace(/\{.*/, '').replace(/_(?:bucket|count)$/, ''))
    assert.ok(
      cases.some(({ series, firing }) => !firing.includes(alert) && Object.keys(series).some(named)),
      `${alert} has no case in which it stays quiet`,
    )
  }
})

test('every job that Prometheus scrapes in the stack has a rule for its silence, except Prometheus itself', () => {
  const config = readFileSync('compose/docker/prometheus/prometheus.yaml', 'utf8')
  const jobs = [...config.matchAll(/job_name: (\S+)/g)].map(([, job = '']) => job)
  assert.equal(jobs.filter((job) => !/^(?:mtscope|prometheus$)/.test(job)).sort(), [...watcherJobs].sort())
})

test('every alert links to a section of the runbook', () => {
  const sections = new Set(
    [...readFileSync('collector/alerts/RUNBOOK.md', 'utf8').matchAll(/^## (\S+)$/gm)].map(([, name]) => name),
  )
  for (const { alert, rule } of rules) assert.ok(sections.has(rule), `${alert}: no section ${rule}`)
})

test.run()
