import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Check, type Finding, finding } from '../finding.ts'

const script = fileURLToPath(new URL('../../../compose/host/optimize_system.sh', import.meta.url))

/** One line of `optimize_system.sh --check --tsv`. */
export type Row = {
  readonly setting: string
  readonly now: string
  readonly wanted: string
  readonly verdict: string
  readonly state: string
  readonly why: string
}

export type Report = {
  readonly place: string
  readonly counters: ReadonlyMap<string, number>
  readonly rows: readonly Row[]
}

export const readReport = (text: string): Report => {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const of = (kind: string): string[][] =>
    lines.filter(([first]) => first === kind).map((line) => line.slice(1))
  return {
    place: of('place')[0]?.join(', ') ?? '',
    counters: new Map(of('counter').map(([name = '', value]) => [name, Number(value)])),
    rows: of('setting').map(([setting = '', now = '', wanted = '', verdict = '', state = '', why = '']) => ({
      setting,
      now,
      wanted,
      verdict,
      state,
      why,
    })),
  }
}

const apply = 'sudo compose/host/optimize_system.sh --apply'

const rowFinding = ({ setting, now, wanted, verdict, state, why }: Row): Finding => {
  const id = `host.${setting}` as const
  const states = `${setting}=${now}: ${verdict}, ${why}`
  const number = Number(now)
  const numbers = now !== '-' && Number.isFinite(number) ? { now: number } : {}
  // descriptors.ts reports whether there are enough for MAX_CONNECTIONS.
  const detail = setting === 'nofile'
  switch (state) {
    case 'change':
      return finding(id, 'note', `${setting} is ${now}: ${why}`, {
        advice: `set ${setting}=${wanted}`,
        numbers,
        detail,
      })
    case 'by-hand':
      return finding(id, 'note', `${setting} is ${now}: ${why}`, {
        advice: `set ${setting} by hand: ${wanted}`,
        numbers,
        detail,
      })
    case 'bad':
      return finding(id, 'warn', `${setting} is ${now}, which is harmful: ${why}`, {
        advice: `set ${setting}=0`,
        numbers,
      })
    default:
      return finding(id, verdict === 'unknown here' ? 'unknown' : 'ok', states, { numbers, detail: true })
  }
}

const summary = ({ rows, place }: Report): Finding => {
  const count = (test: (row: Row) => boolean): number => rows.filter(test).length
  const numbers = {
    good: count(({ state }) => state === 'good'),
    change: count(({ state }) => state === 'change' || state === 'by-hand'),
    useless: count(({ verdict }) => verdict === 'no-op'),
    harmful: count(({ state }) => state === 'bad'),
    unknown: count(({ verdict }) => verdict === 'unknown here'),
  }
  const states = `${place}: ${numbers.good} settings are good, ${numbers.change} can be improved, ${numbers.useless} have no effect on this host`
  const how = place.includes('network of its own') ? 'set them as sysctls in compose.yaml' : `run ${apply}`
  return numbers.change + numbers.harmful > 0
    ? finding('host.settings', 'note', states, {
        advice: `${how}; compose/host/optimize_system.sh --check lists every setting`,
        numbers,
      })
    : finding('host.settings', 'ok', states, { numbers })
}

type Need = {
  readonly counter: string
  readonly least: number
  readonly verdict: 'note' | 'warn'
  readonly states: (value: number) => string
  /** The host setting to advise first, unless it already has the wanted value. */
  readonly setting?: string
  readonly advice: string
}

/** Counters that show a lack of something. Counters since boot are notes: they may be old. */
const needs: readonly Need[] = [
  {
    counter: 'ListenOverflows',
    least: 1,
    verdict: 'note',
    states: (value) =>
      `the kernel dropped ${value} connections, to any program of this host, since boot because an accept queue was full`,
    setting: 'net.core.somaxconn',
    advice:
      'watch it while the proxy runs (nstat -az TcpExtListenOverflows); if it grows, find out why an event loop is busy, or raise WORKERS',
  },
  {
    counter: 'softnet.dropped',
    least: 1,
    verdict: 'note',
    states: (value) =>
      `the kernel dropped ${value} packets, for any program of this host, since boot before they reached a socket`,
    setting: 'net.core.netdev_max_backlog',
    advice: 'enable RPS, or add cores',
  },
  {
    counter: 'tcp.pressures',
    least: 1,
    verdict: 'note',
    states: (value) => `TCP ran out of buffer memory ${value} times since boot`,
    advice: 'add memory, or lower MAX_CONNECTIONS',
  },
  {
    counter: 'cpu.waiting',
    least: 20,
    verdict: 'warn',
    states: (value) => `programs waited for a CPU core in ${value} % of the last five minutes`,
    advice:
      'with compose set PROXY_CPUSET=0 and use compose.host.yaml; otherwise stop other programs, or add cores',
  },
  {
    counter: 'memory.waiting',
    least: 5,
    verdict: 'warn',
    states: (value) => `programs waited for memory in ${value} % of the last five minutes`,
    advice: 'add memory, move Kafka and Redis to another host (relay profile), or lower MAX_CONNECTIONS',
  },
]

const conntrackFinding = ({ counters }: Report): Finding | null => {
  const [count, most] = [counters.get('conntrack'), counters.get('conntrack.max')]
  if (count === undefined || !most) return null
  const percent = Math.round((100 * count) / most)
  const states = `conntrack has ${count} of ${most} entries (${percent} %)`
  const numbers = { count, most }
  return percent >= 80
    ? finding(
        'host.conntrack',
        percent >= 95 ? 'fail' : 'warn',
        `${states}; at 100 % the kernel drops new connections`,
        {
          advice: `set net.netfilter.nf_conntrack_max=${2 * most}, or exempt the proxy's port (NOTRACK)`,
          numbers,
        },
      )
    : finding('host.conntrack', 'ok', states, { numbers })
}

const counterFindings = ({ counters, rows }: Report): readonly Finding[] =>
  needs.flatMap(({ counter, least, verdict, states, setting, advice: rest }) => {
    const value = counters.get(counter)
    const change = rows.find((row) => row.setting === setting && row.state === 'change')
    const advice = change === undefined ? rest : `set ${change.setting}=${change.wanted}; ${rest}`
    if (value === undefined) return []
    const id = `host.${counter}` as const
    const numbers = { value }
    return value >= least
      ? [finding(id, verdict, states(value), { advice, numbers })]
      : [finding(id, 'ok', `${counter} ${value}`, { numbers, detail: true })]
  })

export const judge = (report: Report): readonly Finding[] => {
  const conntrack = conntrackFinding(report)
  // The wanted value of cpuset is a word; host.cpu.waiting reports the same with an advice.
  const rows = report.rows.filter(({ setting, state }) => !(setting === 'cpuset' && state === 'by-hand'))
  return [
    summary(report),
    ...(conntrack ? [conntrack] : []),
    ...counterFindings(report),
    ...rows.map(rowFinding),
  ]
}

/**
 * The report of the script, which needs no root and writes nothing. It runs some hundred programs one after the other, so
 * that only the end of the examination limits it.
 */
export const hostCheck: Check = async ({ signal }) => {
  if (process.platform !== 'linux')
    return [finding('host.settings', 'unknown', 'cannot check host settings: this is not Linux')]
  const text = await new Promise<string>((resolve) => {
    // Exit code 1 means that a setting is to be changed.
    execFile('sh', [script, '--check', '--tsv'], { signal }, (_error, stdout) => resolve(stdout))
  })
  const report = readReport(text)
  return report.rows.length === 0
    ? [
        finding('host.settings', 'unknown', 'compose/host/optimize_system.sh printed no report', {
          advice: 'run compose/host/optimize_system.sh --check by hand and read its error',
        }),
      ]
    : judge(report)
}
