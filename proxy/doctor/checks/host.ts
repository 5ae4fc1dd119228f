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

const ofRow = ({ setting, now, wanted, verdict, state, why }: Row): Finding => {
  const id = `host.${setting}` as const
  const states = `${setting}=${now}: ${verdict}, ${why}`
  const number = Number(now)
  const numbers = now !== '-' && Number.isFinite(number) ? { now: number } : {}
  // Whether there are enough for MAX_CONNECTIONS is told by descriptors.ts.
  const detail = setting === 'nofile'
  switch (state) {
    case 'change':
      return finding(id, 'note', `${setting} is ${now}: ${why}`, {
        advice: `${setting}=${wanted}`,
        numbers,
        detail,
      })
    case 'by-hand':
      return finding(id, 'note', `${setting} is ${now}: ${why}`, {
        advice: `${setting}: ${wanted}`,
        numbers,
        detail,
      })
    case 'bad':
      return finding(id, 'warn', `${setting} is ${now}, which harms: ${why}`, {
        advice: `${setting}=0`,
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
  const states = `${place}: ${numbers.good} settings good, ${numbers.change} to change, ${numbers.useless} would do nothing here`
  const how = place.includes('network of its own') ? 'set them as sysctls in compose.yaml' : apply
  return numbers.change + numbers.harmful > 0
    ? finding('host.settings', 'note', states, {
        advice: `compose/host/optimize_system.sh tells all; ${how}`,
        numbers,
      })
    : finding('host.settings', 'ok', states, { numbers })
}

type Need = {
  readonly counter: string
  readonly least: number
  readonly verdict: 'note' | 'warn'
  readonly states: (value: number) => string
  /** Advised first, unless it is so already. */
  readonly setting?: string
  readonly advice: string
}

/** Counters that show a need. Those since boot are notes: they may be old. */
const needs: readonly Need[] = [
  {
    counter: 'ListenOverflows',
    least: 1,
    verdict: 'note',
    states: (value) =>
      `${value} connects, to any program here, were dropped since boot because nobody accepted them in time`,
    setting: 'net.core.somaxconn',
    advice:
      'if it grows while the proxy runs (nstat -az TcpExtListenOverflows), look for a busy event loop or too few WORKERS',
  },
  {
    counter: 'softnet.dropped',
    least: 1,
    verdict: 'note',
    states: (value) =>
      `${value} packets, for any program here, were dropped since boot before any socket saw them`,
    setting: 'net.core.netdev_max_backlog',
    advice: 'RPS, or more cores',
  },
  {
    counter: 'tcp.pressures',
    least: 1,
    verdict: 'note',
    states: (value) => `TCP ran short of memory ${value} times since boot`,
    advice: 'more memory, or a smaller MAX_CONNECTIONS',
  },
  {
    counter: 'cpu.waiting',
    least: 20,
    verdict: 'warn',
    states: (value) => `somebody waited for a core in ${value} % of the last five minutes`,
    advice: 'compose: PROXY_CPUSET=0 with compose.host.yaml; else fewer programs, or more cores',
  },
  {
    counter: 'memory.waiting',
    least: 5,
    verdict: 'warn',
    states: (value) => `somebody waited for memory in ${value} % of the last five minutes`,
    advice: 'more memory; move Kafka and Redis elsewhere (relay profile); a smaller MAX_CONNECTIONS',
  },
]

const tracked = ({ counters }: Report): Finding | null => {
  const [count, most] = [counters.get('conntrack'), counters.get('conntrack.max')]
  if (count === undefined || !most) return null
  const percent = Math.round((100 * count) / most)
  const states = `${count} of ${most} connections are tracked (${percent} %)`
  const numbers = { count, most }
  return percent >= 80
    ? finding('host.conntrack', percent >= 95 ? 'fail' : 'warn', `${states}; new ones are dropped at 100 %`, {
        advice: `net.netfilter.nf_conntrack_max=${2 * most}, or NOTRACK for the proxy's port`,
        numbers,
      })
    : finding('host.conntrack', 'ok', states, { numbers })
}

const needed = ({ counters, rows }: Report): readonly Finding[] =>
  needs.flatMap(({ counter, least, verdict, states, setting, advice: rest }) => {
    const value = counters.get(counter)
    const change = rows.find((row) => row.setting === setting && row.state === 'change')
    const advice = change === undefined ? rest : `${change.setting}=${change.wanted}; ${rest}`
    if (value === undefined) return []
    const id = `host.${counter}` as const
    const numbers = { value }
    return value >= least
      ? [finding(id, verdict, states(value), { advice, numbers })]
      : [finding(id, 'ok', `${counter} ${value}`, { numbers, detail: true })]
  })

export const judge = (report: Report): readonly Finding[] => {
  const conntrack = tracked(report)
  // What is wanted of cpuset is a word, not a value; host.cpu.waiting says the same, and what to do.
  const rows = report.rows.filter(({ setting, state }) => !(setting === 'cpuset' && state === 'by-hand'))
  return [summary(report), ...(conntrack ? [conntrack] : []), ...needed(report), ...rows.map(ofRow)]
}

/** What the script says; it needs no root and writes nothing. Some hundred programs run one after the other: it has all the time there is. */
export const hostCheck: Check = async ({ signal }) => {
  if (process.platform !== 'linux')
    return [finding('host.settings', 'unknown', 'host settings are known for Linux only')]
  const text = await new Promise<string>((resolve) => {
    // Exit code 1 says that something is to be changed.
    execFile('sh', [script, '--check', '--tsv'], { signal }, (_error, stdout) => resolve(stdout))
  })
  const report = readReport(text)
  return report.rows.length === 0
    ? [
        finding('host.settings', 'unknown', 'compose/host/optimize_system.sh said nothing', {
          advice: 'run it by hand',
        }),
      ]
    : judge(report)
}
