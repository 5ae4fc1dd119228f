import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { boardFile, boards } from '../boards/boards.ts'

type Target = { expr: string; legendFormat?: string; refId: string; datasource?: { uid: string } }
type Shown = {
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: Target[]
  fieldConfig?: { defaults?: { unit?: string } }
  options?: {
    legend?: { displayMode?: string; show?: boolean; showLegend?: boolean }
    yAxis?: { unit?: string }
    cellValues?: { unit?: string }
  }
}
type File = {
  uid: string
  title: string
  tags: string[]
  panels: Shown[]
  templating: { list: { name: string }[] }
}

const files = boards.map((board) => JSON.parse(boardFile(board)) as File)
const panels = files.flatMap(({ title, panels }) =>
  panels.filter(({ type }) => type !== 'row').map((panel) => ({ of: `${title}: ${panel.title}`, panel })),
)

test('every panel has a title, a description, a unit, legends, and the data source of the variable', () => {
  for (const { of, panel } of panels) {
    assert.ok(panel.title.length > 2, of)
    assert.ok((panel.description ?? '').length > 20, `${of}: a description`)
    assert.match(panel.description ?? '', /\.$/, `${of}: whole sentences`)
    assert.ok(panel.fieldConfig?.defaults?.unit, `${of}: a unit`)
    assert.is(panel.datasource?.uid, `\${${'datasource'}}`, of)
    assert.ok((panel.targets ?? []).length > 0, `${of}: a query`)
    for (const { datasource, legendFormat } of panel.targets ?? []) {
      assert.is(datasource?.uid, `\${${'datasource'}}`, of)
      assert.ok(legendFormat, `${of}: a legend`)
    }
    const { legend } = panel.options ?? {}
    if (panel.type === 'timeseries') assert.is(legend?.displayMode, 'table', of)
    // A stat and a table name their values themselves.
    if (panel.type !== 'stat' && panel.type !== 'table')
      assert.ok(legend?.showLegend || legend?.show, `${of}: a legend that is shown`)
  }
})

test('the axis of a heatmap has the unit of the panel, and its cells are counts', () => {
  const heatmaps = panels.filter(({ panel }) => panel.type === 'heatmap')
  assert.ok(heatmaps.length >= 4)
  for (const { of, panel } of heatmaps) {
    assert.is(panel.options?.yAxis?.unit, panel.fieldConfig?.defaults?.unit, of)
    assert.is(panel.options?.cellValues?.unit, 'short', of)
  }
})

test('no panel overlaps another, and all lie within 24 columns', () => {
  for (const { title, panels } of files) {
    const taken = new Set<string>()
    for (const { title: name, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, `${title}: ${name}`)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.not(taken.has(`${x} ${y}`), `${title}: ${name} at ${x} ${y}`)
          taken.add(`${x} ${y}`)
        }
      }
    }
  }
})

test('uids of boards and titles of panels are unique', () => {
  assert.is(new Set(files.map(({ uid }) => uid)).size, files.length)
  for (const { panels, title } of files) {
    const names = panels.filter(({ type }) => type !== 'row').map((panel) => panel.title)
    assert.is(new Set(names).size, names.length, title)
  }
})

// Metrics that no panel shows, with the reason.
const unshown: Readonly<Record<string, string>> = {
  mtscope_alerts_raised_total: 'a history: operators act on the list of active alerts',
  mtscope_build_info: 'it only provides the values of the variable node',
  mtscope_config_reloads_total: 'useful at most as an annotation',
  mtscope_doctor_look_timestamp_seconds: 'the findings are shown',
  mtscope_session_duration_seconds: 'lifetimes of connections show no fault',
  mtscope_sessions_dropped_total: 'the ratio of it is shown',
  mtscope_lifetime_sessions_total: 'days and months are shown',
  mtscope_lifetime_bytes_total: 'days and months are shown',
  mtscope_node_last_seen_timestamp_seconds:
    'the number of nodes alive is shown; the alert names the silent one',
  mtscope_collector_events_repeated_total: 'repeats are normal and not counted',
  mtscope_collector_events_redated_total: 'the doctor of the host with the wrong clock reports it',
  mtscope_collector_state_refused_total: 'the size of the state is shown',
  mtscope_ship_waiting_rows: 'the shipping lag is shown',
  mtscope_collector_mirror_age_seconds: 'the availability of Redis is shown',
  v8js_gc_duration: 'all threads together are shown',
  nodejs_eventloop_time_total: 'its share is shown',
}

test('every metric is on a panel, or has a reason why not', () => {
  const shown = panels.flatMap(({ panel }) => (panel.targets ?? []).map(({ expr }) => expr)).join('\n')
  for (const { name } of [...Object.values(p), ...Object.values(c), ...Object.values(r)]) {
    const there = new RegExp(`\\b${name}(?:_bucket|_count|_sum)?[{[]`).test(shown)
    if (there) assert.not(unshown[name], `${name} is shown, but listed as not shown`)
    else assert.ok(unshown[name], `${name} is on no panel`)
  }
})

test('every link to the runbook points to a section', () => {
  const sections = new Set(
    [...readFileSync('collector/alerts/RUNBOOK.md', 'utf8').matchAll(/^## (\S+)$/gm)].map(([, name]) => name),
  )
  const asked = boards.flatMap(({ rows }) =>
    rows.flatMap(({ panels }) => panels.map(({ runbook }) => runbook)),
  )
  for (const section of asked) if (section !== undefined) assert.ok(sections.has(section), section)
  for (const rule of Object.keys(rules)) assert.ok(asked.includes(rule), `no panel links to ${rule}`)
})

test.run()
