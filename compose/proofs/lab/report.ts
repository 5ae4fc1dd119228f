import type { Emulated } from './emulation.ts'
import { noSamples, type Sample, type Samples } from './figures.ts'
import { floorOf } from './floors.ts'
import type { Scenario } from './scenarios.ts'

export type Outcome = {
  readonly scenario: Scenario
  /** The samples of each side by its name; null where this kernel lacks what the side needs. */
  readonly sides: ReadonlyMap<string, Samples | null>
  readonly emulated: Emulated | null
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Adds the samples of a turn to those of earlier turns. */
export const joined = (earlier: Samples | null | undefined, later: Samples): Samples => {
  const all = noSamples()
  for (const key of Object.keys(all) as Sample[]) all[key].push(...(earlier?.[key] ?? []), ...later[key])
  return all
}

type Column = {
  readonly name: string
  readonly of: Sample
  readonly shares: readonly number[]
  readonly digits: number
}

const columns: readonly Column[] = [
  { name: 'connect dd, p50/p90/p99', of: 'connectDd', shares: [0.5, 0.9, 0.99], digits: 0 },
  { name: 'connect ee, p50/p90/p99', of: 'connectEe', shares: [0.5, 0.9, 0.99], digits: 0 },
  { name: 'message idle, p50/p99', of: 'idle', shares: [0.5, 0.99], digits: 1 },
  { name: 'message during a download, p50/p99', of: 'loaded', shares: [0.5, 0.99], digits: 0 },
  { name: '256 KiB after silence', of: 'silent', shares: [0.5], digits: 0 },
  { name: 'one download, Mbit/s', of: 'one', shares: [0.5], digits: 1 },
  { name: 'eight, Mbit/s', of: 'eight', shares: [0.5], digits: 1 },
  { name: 'CPU s/GB', of: 'cpu', shares: [0.5], digits: 1 },
  { name: 'wake-ups/MB', of: 'wakeUps', shares: [0.5], digits: 0 },
  { name: 'sent again, %', of: 'resent', shares: [0.5], digits: 2 },
]

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const head = (cells: readonly string[]): string[] => [
  row(cells),
  row(cells.map((_, i) => (i === 0 ? '---' : '---:'))),
]
const none = '–'

const cellOf = (samples: Samples, { of, shares, digits }: Column): string => {
  const values = samples[of]
  return values.length === 0
    ? none
    : shares.map((share) => quantile(values, share).toFixed(digits)).join(' / ')
}

const lateness = (emulated: Emulated | null): string => {
  if (emulated === null) return 'The kernel emulated the links (netem) and does not report its lateness.'
  const { lateMs, realtime } = emulated
  const [p50, p99, most] = [lateMs.p50, lateMs.p99, lateMs.most].map((ms) => ms.toFixed(2))
  return `Lateness of the emulated links: p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms${realtime ? '' : ', without real-time priority'}.`
}

const failures = (samples: Samples): number => samples.failed.reduce((sum, count) => sum + count, 0)

const scenarioTable = ({ scenario, sides, emulated }: Outcome): string => {
  const floor = floorOf(scenario.path)
  const rows = [...sides].map(([name, samples]) => {
    if (samples === null)
      return row([name, 'not measured: this kernel offers no bbr', ...columns.slice(1).map(() => '')])
    const failed = failures(samples)
    return row([
      failed === 0 ? name : `${name} (${failed} failed)`,
      ...columns.map((column) => cellOf(samples, column)),
    ])
  })
  return [
    `## ${scenario.name}`,
    '',
    `${scenario.what}. ${lateness(emulated)}`,
    '',
    ...head(['ms, if nothing else is named', ...columns.map(({ name }) => name)]),
    row(['*physical limit*', ...columns.map(({ of, digits }) => floor[of]?.toFixed(digits) ?? none)]),
    ...rows,
  ].join('\n')
}

const judged = [
  { of: 'connectDd', title: 'Connect to first answer, dd, p50' },
  { of: 'loaded', title: 'Message during a download on the same bottleneck, p50' },
  { of: 'silent', title: '256 KiB after three seconds of silence, p50' },
  { of: 'one', title: 'Throughput of one download' },
] as const satisfies readonly { readonly of: Sample; readonly title: string }[]

/** The change against another side, in percent of the median. */
const change = (
  samples: Samples | null | undefined,
  base: Samples | null | undefined,
  of: Sample,
): string => {
  if (samples == null || base == null || samples[of].length === 0 || base[of].length === 0) return none
  const percent = (quantile(samples[of], 0.5) / quantile(base[of], 0.5) - 1) * 100
  return `${percent > 0 ? '+' : ''}${percent.toFixed(0)} %`
}

const namesOf = (outcomes: readonly Outcome[]): string[] => [
  ...new Set(outcomes.flatMap(({ sides }) => [...sides.keys()])),
]

/** What each line of the list does by itself: its change against the un-tuned side. */
const effects = (outcomes: readonly Outcome[]): string =>
  judged
    .map(({ of, title }) =>
      [
        `### ${title}`,
        '',
        ...head(['against un-tuned', ...outcomes.map(({ scenario }) => scenario.name)]),
        ...namesOf(outcomes)
          .filter((name) => name !== 'un-tuned')
          .map((name) =>
            row([name, ...outcomes.map(({ sides }) => change(sides.get(name), sides.get('un-tuned'), of))]),
          ),
      ].join('\n'),
    )
    .join('\n\n')

export const tables = (outcomes: readonly Outcome[]): string =>
  `## What each line does\n\n${effects(outcomes)}\n\n${outcomes.map(scenarioTable).join('\n\n')}\n`

/** LATENCY.md. `measured`: date, commit and machine; `plots`: file names. */
export const document = (
  outcomes: readonly Outcome[],
  measured: string,
  minutes: number,
  plots: readonly string[],
): string => `# Latency on emulated paths

Written whole by one run of \`npm run lab\`, which took ${minutes.toFixed(0)} minutes. ${measured}
The machine was shared with other programs: CPU figures and p99 are rough, and a rate may pass the physical limit by a few percent
where the load generator read late.

Client, proxy and datacenters are network namespaces with a link between each two; packets pass one by one (MTU 1,500). Client and
datacenters use cubic. Sides take turns, *un-tuned* and *tuned* twice each, at both ends of a scenario, in the first 20 minutes.

- **un-tuned**: ${'`FAST_MODE=false`, `MAX_CONNS_IN_POOL=0`, `TO_CLT_BUFSIZE=16384,0,16384`, `TO_TG_BUFSIZE=16384`, `TCP_CONGESTION=system`, `TCP_NOTSENT_LOWAT=0`'}, cubic, and the kernel's defaults.
- **tuned**: the appliance with its defaults, BBR, \`tcp_slow_start_after_idle=0\`, \`tcp_mtu_probing=1\`; \`tcp_notsent_lowat\` is not set.
- Every other side is un-tuned with that one line, or tuned with that value of \`tcp_notsent_lowat\` and without the two settings of the appliance.

*connect*: to the first answer of the datacenter. CPU, wake-ups and segments sent again: of the proxy, during the downloads; CPU without
softirq. *sent again* has the share of lost packets as its limit.

${plots.map((name) => `![${name}](${name})`).join('\n')}

${tables(outcomes)}`
