import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensure } from './debian.ts'
import { freePorts } from './ports.ts'
import { buildPrometheus } from './prometheus-programs.ts'
import { type Service, startService } from './service.ts'

/** The Prometheus release of compose where Go can build it, else Debian's; null where neither can be installed. */
export const ensurePrometheus = (): string | null => buildPrometheus() ?? ensure('prometheus', 'prometheus')

/** Runs promtool; `ok` when it exits with 0. */
export const promtool = (...args: string[]): { readonly ok: boolean; readonly printed: string } => {
  const command = join(dirname(ensurePrometheus() ?? ''), 'promtool')
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { ok: status === 0, printed: `${stdout}${stderr}` }
}

/** Checks the text of `/metrics` with promtool. */
export const checkMetrics = (text: string): { readonly ok: boolean; readonly printed: string } => {
  const command = join(dirname(ensurePrometheus() ?? ''), 'promtool')
  const { status, stdout, stderr } = spawnSync(command, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  return { ok: status === 0, printed: `${stdout}${stderr}` }
}

export type Sampled = { readonly metric: Readonly<Record<string, string>>; readonly value: number }
export type Prometheus = Service & {
  readonly url: string
  /** An instant query. Throws with Prometheus' message when it cannot be evaluated. */
  query(expression: string, at?: number): Promise<Sampled[]>
}
export type PrometheusOptions = {
  /** job → `host:port` of its targets. */
  readonly scrape: Readonly<Record<string, readonly string[]>>
  readonly intervalMs?: number
  /** Paths of rule files. */
  readonly rules?: readonly string[]
  /** `host:port` of Alertmanagers. */
  readonly alertmanagers?: readonly string[]
}

const configOf = ({ scrape, rules = [], alertmanagers = [], intervalMs = 1_000 }: PrometheusOptions) => ({
  global: { scrape_interval: `${intervalMs}ms`, evaluation_interval: `${intervalMs}ms` },
  rule_files: rules,
  alerting: { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] },
  scrape_configs: Object.entries(scrape).map(([job, targets]) => ({
    job_name: job,
    static_configs: [{ targets }],
  })),
})

/** Starts a Prometheus that scrapes the targets, by default every second. */
export const startPrometheus = async (options: PrometheusOptions): Promise<Prometheus> => {
  const command = ensurePrometheus()
  if (command === null) throw new Error('Prometheus is missing: install the package prometheus')
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const service = await startService({
    name: 'prometheus',
    command,
    args: (folder) => {
      const file = join(folder, 'prometheus.yml')
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(configOf(options)))
      return [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ]
    },
    ready: () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
  })
  return Object.assign(service, {
    url,
    query: async (expression: string, at?: number): Promise<Sampled[]> => {
      const time = at === undefined ? '' : `&time=${at / 1000}`
      const answered = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}${time}`)
      const reported = (await answered.json()) as {
        status: string
        error?: string
        data?: { resultType: string; result: unknown }
      }
      if (reported.status !== 'success') throw new Error(`${expression}: ${reported.error}`)
      const { resultType, result } = reported.data!
      if (resultType === 'scalar') return [{ metric: {}, value: Number((result as [number, string])[1]) }]
      return (result as { metric: Record<string, string>; value: [number, string] }[]).map((one) => ({
        metric: one.metric,
        value: Number(one.value[1]),
      }))
    },
  })
}
