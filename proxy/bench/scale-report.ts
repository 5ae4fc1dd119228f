import { curves } from './curves.ts'
import { spread, table } from './report.ts'
import type { Flooded, Step } from './scale-jobs.ts'

export type ScaleRun = {
  readonly command: string
  readonly measured: string
  readonly rounds: number
  readonly seconds: number
  readonly perSecond: number
  /** The steps of each round, by the number of threads. */
  readonly results: ReadonlyMap<number, readonly (readonly Step[])[]>
  readonly floods: readonly Flooded[]
  /** Numbers of connections for which there were too few file descriptors. */
  readonly leftOut: readonly number[]
}

export const plotFile = 'scale.svg'

const figures = [
  { title: 'CPU, % of a core', digits: 1, of: ({ cpuShare }: Step) => cpuShare * 100 },
  { title: 'round trip p50, ms', digits: 2, of: ({ p50 }: Step) => p50 },
  { title: 'round trip p99, ms', digits: 2, of: ({ p99 }: Step) => p99 },
  { title: 'RSS, MB', digits: 0, of: ({ rss }: Step) => rss / 1e6 },
] as const

type Median = { readonly workers: number; readonly connections: number; readonly values: readonly number[] }

const mediansOf = (results: ScaleRun['results']): Median[] =>
  [...results].flatMap(([workers, rounds]) =>
    (rounds[0] ?? []).map(({ connections }, i) => ({
      workers,
      connections,
      values: figures.map(({ of }) => spread(rounds.map((steps) => of(steps[i]!))).median),
    })),
  )

const nameOf = (workers: number): string => `${workers} ${workers === 1 ? 'thread' : 'threads'}`

/** The curves of a run as SVG: CPU, p99 and memory. */
export const scalePlot = ({ results }: ScaleRun): string => {
  const medians = mediansOf(results)
  return curves(
    [0, 2, 3].map((figure) => ({
      title: figures[figure]!.title,
      below: 'open connections',
      lines: [...results.keys()].map((workers) => ({
        name: nameOf(workers),
        points: medians
          .filter((median) => median.workers === workers)
          .map(({ connections, values }) => [connections, values[figure]!] as const),
      })),
    })),
  )
}

const floodRow = (flooded: Flooded): string[] => [
  flooded.perSecond.toFixed(0),
  `${flooded.lost} of ${flooded.inside}`,
  `${flooded.served} of ${flooded.newcomers}`,
  flooded.p99Before.toFixed(2),
  flooded.p99During.toFixed(2),
  (flooded.cpuShare * 100).toFixed(0),
  ((flooded.rssAfter - flooded.rssBefore) / 1e6).toFixed(0),
]

const floodHead = [
  'silent connections per second',
  'clients inside that were lost',
  'new clients served',
  'p99 before, ms',
  'p99 during, ms',
  'CPU, % of a core',
  'RSS more, MB',
]

/** The run as Markdown. */
export const scaleReport = (run: ScaleRun): string => {
  const { command, measured, rounds, seconds, perSecond, results, floods, leftOut } = run
  const rows = mediansOf(results).map(({ workers, connections, values }) => [
    nameOf(workers),
    `${connections}`,
    ...values.map((value, i) => value.toFixed(figures[i]!.digits)),
  ])
  const missing =
    leftOut.length === 0 ? '' : `\nToo few file descriptors (\`ulimit -n\`) for ${leftOut.join(', ')}.\n`
  return `# Open connections

Written by \`${command}\` in ${Math.ceil(seconds / 60)} minutes; do not edit. Median of ${rounds} rounds, each number of threads (\`WORKERS\`) in turn.

${measured}

The appliance as \`npm start\` runs it. Half of its connections are dd, half ee; ${perSecond} messages of 64 bytes a second go through
all of them in turn and come back. Clients and datacenter are separate processes on the same cores: with more threads than cores,
milliseconds show the competition for cores.

![CPU, p99 of the round trip and memory, by open connections](${plotFile})

${table(['', 'connections', ...figures.map(({ title }) => title)], rows)}
${missing}
## Silent clients

10,000 connections a second that send nothing are asked for, from 25,000 addresses in 25,000 prefixes, for five seconds, by a process
on the same cores; the first column is what it reached. Inside are 1,000 clients that exchange ${perSecond / 5} messages a second; 50 more
come meanwhile. Two threads.

${table(floodHead, floods.map(floodRow))}
`
}
