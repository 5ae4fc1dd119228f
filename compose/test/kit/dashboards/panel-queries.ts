import { boards } from '../../../../dashboards/boards/boards.ts'
import { variables } from '../../../../dashboards/builder/build.ts'
import type { Query } from '../../../../dashboards/builder/panels.ts'
import { watchKernel } from '../../../../proxy/host/kernel.ts'
import { metrics } from '../../../../proxy/telemetry/catalogue/catalogue.ts'
import type { Prometheus } from '../../services/prometheus.ts'
import { until } from '../../until.ts'

export type Asked = Query & { readonly board: string; readonly panel: string }

/** Every query of every panel. */
export const panelQueries: readonly Asked[] = boards.flatMap(({ title: board, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title: panel, queries }) => queries.map((query) => ({ ...query, board, panel }))),
  ),
)
export const variableQueries: readonly Asked[] = variables.map(({ name, metric, label }) => ({
  expr: `group by (${label}) (${metric}{${label}!=""})`,
  legend: `{{${label}}}`,
  board: 'variables',
  panel: name,
}))

/** Metrics that this host cannot measure: those of PSI on a kernel without it, kernel counters outside Linux. */
const lacking = (): string[] => {
  const { listenOverflows, packetsDropped, pressureSeconds, cpu } = watchKernel()
  const counted = [
    [listenOverflows() !== null, metrics.listenOverflows],
    [packetsDropped() !== null, metrics.packetsDropped],
    [pressureSeconds().length > 0, metrics.pressureSeconds],
    [cpu() !== null, metrics.cpuPeriods],
    [cpu() !== null, metrics.cpuThrottledSeconds],
  ] as const
  return counted.flatMap(([there, { name }]) => (there ? [] : [name]))
}

/** The queries that have data on this host. */
export const answerable = (queries: readonly Asked[]): readonly Asked[] => {
  const names = lacking()
  return queries.filter(({ expr }) => !names.some((name) => expr.includes(`${name}{`)))
}

export const nameOf = ({ board, panel, legend }: Asked): string => `${board}: ${panel}: ${legend}`

/** The query of a panel whose legend begins with `legend`. */
export const exprOf = (board: string, panel: string, legend = ''): string => {
  const found = panelQueries.find(
    (query) => query.board === board && query.panel === panel && query.legend.startsWith(legend),
  )
  if (found === undefined) throw new Error(`no query for ${board}: ${panel}: ${legend}`)
  return found.expr
}

/** A query as Grafana sends it: variables are replaced by their values. */
export const filled = (expr: string, chosen: Readonly<Record<string, string>> = {}): string =>
  expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(node|fleet|dc|user)\b/g, (_, name: string) => chosen[name] ?? '.*')

/** The values of a query now, without NaN. */
export const valuesOf = async (prometheus: Prometheus, expr: string): Promise<number[]> =>
  (await prometheus.query(filled(expr))).map(({ value }) => value).filter((value) => !Number.isNaN(value))

/** Waits until every query has had data once. Throws the names of those without data after `ms`. */
export const untilAllHaveData = async (
  prometheus: Prometheus,
  queries: readonly Asked[],
  ms = 60_000,
): Promise<void> => {
  const empty = new Set(queries)
  const look = async (): Promise<boolean> => {
    for (const query of empty) if ((await valuesOf(prometheus, query.expr)).length > 0) empty.delete(query)
    return empty.size === 0
  }
  await until(look, 'every query has data', ms).catch(() => {
    throw new Error(`without data: ${[...empty].map(nameOf).join('; ')}`)
  })
}
