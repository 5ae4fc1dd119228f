import type { Outcome } from './run.ts'
import { connectionsOfRow } from './world.ts'

/** The fleet that docs/scale.md plans. */
export const target = { proxies: 1_000, open: 1_000_000, perSecond: 200_000 } as const

/** Share of a core that a program may take in the plan: the rest is for peaks and for catching up. */
const load = 0.6
const windowSeconds = 3_600
const scrapeSeconds = 15

const whole = (value: number): string => Math.round(value).toLocaleString('en')
const two = (value: number): string => value.toPrecision(2)

type Line = readonly [what: string, value: string, from: string]

/** What the target needs, by multiplication of measured costs. */
const lines = ({ parts, live, options, claims, memory, metrics, proxyMetrics }: Outcome): readonly Line[] => {
  const busy = parts[0]
  if (busy === undefined) return []
  const { written, folded } = busy
  const connections = written.messages * connectionsOfRow
  const perConnection = written.events / connections
  const events = target.perSecond * perConnection
  const cores = (seconds: number, of: number): number => (seconds / of) * events
  const collectors = cores(folded.collectors, folded.folded)
  const bytes = (written.bytes / written.events) * events
  const claimCores = (claims.redis / claims.claims) * target.perSecond
  const mirror = live.folded
  const foldOnly = (folded.collectors / folded.folded) * mirror.folded
  const ofMirror = Math.max(0, mirror.collectors - foldOnly) / mirror.seconds / 2
  const series = target.proxies * proxyMetrics.series + metrics.series
  return [
    ['events a second', whole(events), `${perConnection.toFixed(1)} events of a connection`],
    ['cores of collectors', two(collectors), 'busy part, one collector'],
    [
      'collectors, and least partitions',
      whole(Math.ceil(collectors / load)),
      `each at ${load * 100} % of a core`,
    ],
    ['standing cost of each collector, cores', two(ofMirror), 'live part less its fold'],
    ['cores of Redis for the state', two(cores(folded.redis, folded.folded)), 'busy part'],
    ['cores of Redis for the replay cache', two(claimCores), 'claims'],
    [
      'memory of the replay cache, GB',
      two((target.perSecond * windowSeconds * claims.bytes) / 1e9),
      'REPLAY_WINDOW=1h',
    ],
    [
      'memory of the state in Redis, GB',
      two(((memory.node / options.nodes) * target.proxies + memory.user + memory.dc) / 1e9),
      `${options.users} users`,
    ],
    ['cores of Kafka, produce', two(cores(written.kafka, written.events)), 'busy part'],
    ['cores of Kafka, fetch', two(cores(folded.kafka, folded.folded)), 'busy part'],
    ['Kafka, MB/s in, without replicas', two(bytes / 1e6), 'busy part'],
    ['Kafka, disk of a day, TB, without replicas', two((bytes * 86_400) / 1e12), 'busy part'],
    ['Prometheus, series', whole(series), '`/metrics` of a proxy and a collector'],
    ['Prometheus, samples a second', whole(series / scrapeSeconds), `a scrape each ${scrapeSeconds} s`],
  ]
}

export const fleetPlan = (outcome: Outcome): string =>
  [
    `${whole(target.proxies)} proxies, ${whole(target.open)} open connections, ${whole(target.perSecond)} new ones a second:`,
    '',
    '| need | value | from |',
    '| --- | --- | --- |',
    ...lines(outcome).map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n')
