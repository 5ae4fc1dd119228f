import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  CellValuesBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import type { Board, Panel } from './panels.ts'
import { runbook, runbookBase } from './runbook.ts'

// Grafana fills these in.
const filled = (name: string): string => `\${${name}}`
const source = { type: 'prometheus', uid: filled('datasource') }
const tag = 'mtscope'

const linkTo = (title: string, url: string) =>
  new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url).targetBlank(true)

/** Traces of failed and slow connections in Tempo, from the data source that the variable names. */
const traces = `/explore?schemaVersion=1&panes=${JSON.stringify({
  t: {
    datasource: filled('traces'),
    queries: [{ refId: 'A', queryType: 'traceql', query: '{status=error}' }],
    range: { from: filled('__from'), to: filled('__to') },
  },
})}`

const legend = () =>
  new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['lastNotNull', 'max'])
const tooltip = () => new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi)

const lines = (panel: Panel, bars: boolean) => {
  const builder = new TimeseriesBuilder()
    .legend(legend())
    .tooltip(tooltip())
    .axisPlacement(AxisPlacement.Auto)
    .drawStyle(bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .fillOpacity(bars || panel.stacked ? 40 : 8)
    .lineWidth(1)
    .showPoints(VisibilityMode.Never)
    .min(0)
  return bars || panel.stacked
    ? builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    : builder
}

const tableOf = ({ matrix }: Panel) => {
  const builder = new TableBuilder().showHeader(true)
  return matrix === undefined
    ? builder.withTransformation({ id: 'organize', options: { excludeByName: { Time: true } } })
    : builder.withTransformation({
        id: 'groupingToMatrix',
        options: {
          columnField: matrix.column,
          rowField: matrix.row,
          valueField: 'Value',
          emptyValue: 'zero',
        },
      })
}

const shapeOf = (panel: Panel) => {
  switch (panel.kind) {
    case 'timeseries':
      return lines(panel, false)
    case 'bars':
      return lines(panel, true)
    case 'stat':
      return new StatBuilder().graphMode(BigValueGraphMode.Area).colorMode(BigValueColorMode.Value)
    case 'heatmap':
      // A heatmap ignores the unit of the field: the axis has one, and the cells are counts.
      return new HeatmapBuilder()
        .yAxis(new YAxisConfigBuilder().unit(panel.unit))
        .cellValues(new CellValuesBuilder().unit('short'))
        .showLegend()
    case 'timeline':
      return new TimelineBuilder().legend(legend().displayMode(LegendDisplayMode.List)).tooltip(tooltip())
    case 'table':
      return tableOf(panel)
  }
}

const panelOf = (panel: Panel, at: { x: number; y: number; h: number }, id: number) => {
  const builder = shapeOf(panel)
    .id(id)
    .title(panel.title)
    .description(panel.description)
    .datasource(source)
    .unit(panel.unit)
    .gridPos({ x: at.x, y: at.y, w: panel.width, h: at.h })
  if (panel.max !== undefined) builder.max(panel.max)
  if (panel.thresholds !== undefined) {
    const steps = panel.thresholds.map(([value, color]) => ({ value, color }))
    builder.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
  }
  const links = [
    ...(panel.runbook === undefined
      ? []
      : [linkTo('Runbook', runbook(panel.runbook, filled('runbook:raw')))]),
    ...(panel.traces ? [linkTo('Traces of failures', traces)] : []),
  ]
  if (links.length > 0) builder.links(links)
  for (const [n, { expr, legend: named }] of panel.queries.entries()) {
    const target = new DataqueryBuilder()
      .refId(String.fromCharCode(65 + n))
      .datasource(source)
      .expr(expr)
      .legendFormat(named)
    if (panel.kind === 'heatmap') target.format(PromQueryFormat.Heatmap)
    if (panel.kind === 'table') target.format(PromQueryFormat.Table).instant()
    else target.range()
    builder.withTarget(target)
  }
  return builder
}

/**
 * The variables of a dashboard, each with the series whose label lists its values; the proof evaluates them, too.
 * Datacenters come from the probes, because one that is down since the start has no connections.
 */
export const variables = [
  { name: 'node', title: 'Node', metric: p.buildInfo.name, label: 'instance' },
  { name: 'fleet', title: 'Fleet', metric: c.stateEntries.name, label: 'fleet' },
  { name: 'dc', title: 'Datacenter', metric: p.datacenterUp.name, label: 'dc' },
  { name: 'user', title: 'User', metric: c.userSessions.name, label: 'user' },
] as const

/** Whether a query of the board uses the variable. */
const uses = ({ rows }: Board, name: string): boolean =>
  rows.some(({ panels }) =>
    panels.some(({ queries }) => queries.some(({ expr }) => new RegExp(`\\$${name}\\b`).test(expr))),
  )

const variable = ({ name, title, metric, label }: (typeof variables)[number]) =>
  new QueryVariableBuilder(name)
    .label(title)
    .datasource(source)
    .query(`label_values(${metric}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')

/** A dashboard in Grafana's JSON. Panels flow from left to right, row after row. */
export const build = (board: Board) => {
  const { uid, title, description, rows } = board
  const builder = new DashboardBuilder(`mtscope / ${title}`)
    .uid(`mtscope-${uid}`)
    .description(description)
    .tags([tag])
    .timezone('utc')
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .readonly()
    .link(
      new DashboardLinkBuilder('mtscope')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Metrics').type('prometheus'))
  if (rows.some(({ panels }) => panels.some(({ traces }) => traces)))
    builder.withVariable(new DatasourceVariableBuilder('traces').label('Traces').type('tempo'))
  for (const choice of variables) if (uses(board, choice.name)) builder.withVariable(variable(choice))
  // Where a collector or an appliance is reached at another address, the operator changes this.
  builder.withVariable(new TextBoxVariableBuilder('runbook').label('Runbook').defaultValue(runbookBase))
  let [y, id] = [0, 1]
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).gridPos({ x: 0, y: y++, w: 24, h: 1 }).id(id++))
    let [x, tallest] = [0, 0]
    for (const panel of row.panels) {
      const h = panel.height ?? (panel.kind === 'stat' ? 4 : 8)
      if (x + panel.width > 24) {
        y += tallest
        ;[x, tallest] = [0, 0]
      }
      builder.withPanel(panelOf(panel, { x, y, h }, id++))
      x += panel.width
      tallest = Math.max(tallest, h)
    }
    y += tallest
  }
  return builder.build()
}
