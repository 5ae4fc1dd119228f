import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { metrics as c } from '../../collector/read/metrics.ts'
import {
  filled,
  nameOf,
  panelQueries,
  variableQueries,
} from '../../compose/test/kit/dashboards/panel-queries.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensurePrometheus, promtool } from '../../compose/test/services/prometheus.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { boardFile, boards } from '../boards/boards.ts'
import { variables } from './build.ts'
import { eachFleet, gauge, quantile, rate, share } from './queries.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'promtool is missing')

/** The metrics of a query, each with its matchers. */
const selectorsOf = (expr: string) =>
  [...expr.matchAll(/\b([a-z][a-z0-9_]*)\{([^}]*)\}/g)].map(([, name = '', matchers = '']) => ({
    name: name.replace(/_(?:bucket|count|sum)$/, ''),
    matchers,
  }))
const [ofProxy, ofCollector, ofRuntime] = [p, c, r].map(
  (catalogue) =>
    new Map(
      Object.values(catalogue).map(({ name, labels }) => [name as string, labels as readonly string[]]),
    ),
) as [Map<string, readonly string[]>, Map<string, readonly string[]>, Map<string, readonly string[]>]

/** Queries that ignore a variable although their metric has its label, with the reason. */
const regardless: Readonly<Record<string, string>> = {}

test('each query filters by node or fleet, and by datacenter and user where its metric has the label', () => {
  const excused = new Set<string>()
  for (const query of panelQueries) {
    const selectors = selectorsOf(query.expr)
    assert.ok(selectors.length > 0, nameOf(query))
    for (const { name, matchers } of selectors) {
      const labels = ofProxy.get(name) ?? ofRuntime.get(name) ?? ofCollector.get(name)
      assert.ok(labels, `${nameOf(query)}: ${name} is in no catalogue`)
      const scope = ofCollector.has(name) ? 'fleet=~"$fleet"' : 'instance=~"$node"'
      assert.ok(matchers.includes(scope), `${nameOf(query)}: ${name} without ${scope}`)
      for (const label of ['dc', 'user'])
        if (labels!.includes(label) && !matchers.includes(`${label}=~"$${label}"`)) {
          assert.ok(regardless[nameOf(query)], `${nameOf(query)}: ${name} without $${label}, and no reason`)
          excused.add(nameOf(query))
        }
    }
  }
  assert.equal([...excused].sort(), Object.keys(regardless).sort())
})

test('a board has the variables that its queries use, and no other', () => {
  for (const board of boards) {
    const file = JSON.parse(boardFile(board)) as {
      templating: { list: { name: string; type: string; query: unknown }[] }
      panels: { targets?: { expr: string }[]; links?: { url: string }[] }[]
    }
    const offered = file.templating.list.map(({ name }) => name)
    const text = JSON.stringify(file.panels)
    for (const name of offered) {
      const used = new RegExp(`\\$\\{?${name}\\b`).test(text)
      assert.ok(used, `${board.title}: nothing uses $${name}`)
    }
    const exprs = file.panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr)).join('\n')
    for (const { name } of variables)
      assert.is(offered.includes(name), new RegExp(`\\$${name}\\b`).test(exprs), `${board.title}: $${name}`)
  }
})

test('the variable dc lists datacenters by their probes, also one that no client ever reached', () => {
  const dc = variables.find(({ name }) => name === 'dc')
  assert.is(dc?.metric, p.datacenterUp.name)
})

test('every query without data has a reason', () => {
  const reasons = panelQueries.flatMap(({ seldom }) => (seldom === undefined ? [] : [seldom]))
  assert.ok(reasons.length < 30, `${reasons.length} queries may have no data`)
  for (const reason of reasons) assert.ok(reason.length > 10, reason)
})

test('a query filters by a variable where its metric has the label, unless it sets the label', () => {
  assert.is(gauge(p.connectionsOpen), 'mtscope_connections_open{instance=~"$node",dc=~"$dc"}')
  assert.is(gauge(p.connectionsOpen, { dc: '2' }), 'mtscope_connections_open{instance=~"$node",dc="2"}')
  assert.is(rate(p.fronted), 'rate(mtscope_fronted_total{instance=~"$node"}[$__rate_interval])')
  assert.match(quantile(0.5, p.firstByteSeconds, ['mode']), 'sum by (mode, le) (rate(mtscope_first_byte')
  assert.is(share('a', 'b', 'dc'), '(sum by (dc) (a) or sum by (dc) (b) * 0) / sum by (dc) (b)')
  assert.is(eachFleet('max', 'a', 'dc'), 'max by (fleet, dc) (a)')
})

it('promtool parses every query of every panel and variable', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-queries-'))
  try {
    const check = (exprs: readonly string[]) => {
      const rules = exprs.map((expr, n) => ({ record: `query:${n}`, expr: filled(expr) }))
      const file = join(folder, 'queries.yaml')
      // JSON is YAML.
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
      return promtool('check', 'rules', file)
    }
    const { ok, printed } = check([...panelQueries, ...variableQueries].map(({ expr }) => expr))
    assert.ok(ok, printed)
    assert.not(check(['sum by (dc (up)']).ok)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
