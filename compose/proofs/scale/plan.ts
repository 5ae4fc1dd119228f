import type { Outcome, Part } from './run.ts'
import { connectionsOfRow } from './world.ts'

/** The fleet that docs/scale.md plans. */
export const target = { proxies: 1_000, open: 1_000_000, perSecond: 200_000 } as const

/** Share of a core that a program may take in the plan: the rest is for peaks and for catching up. */
const load = 0.6
const windowSeconds = 3_600
const scrapeSeconds = 15

const whole = (value: number): string => Math.round(value).toLocaleString('en')
const two = (value: number): string => (value >= 10 ? whole(value) : value.toPrecision(2))

type Line = readonly [what: string, value: string, from: string]

/** Events of the busy part, and what the target takes at its unit costs. */
const scaled = ({ written, folded }: Part) => {
  const perConnection = written.events / (written.messages * connectionsOfRow)
  const events = target.perSecond * perConnection
  return {
    perConnection,
    events,
    /** Cores, or bytes a second. */
    ofWritten: (amount: number): number => (amount / written.events) * events,
    ofFolded: (amount: number): number => (amount / folded.folded) * events,
  }
}

/** What each collector takes without folding: it reads the whole state and evaluates the alert rules. An upper bound. */
const standingOf = ({ live, parts }: Outcome, busy: Part) => {
  const { seconds, collectors, redis, fromRedis, folded } = live.folded
  const most = Math.max(...parts.map((part) => part.collectors))
  const rest = (amount: number, ofFold: number): number =>
    Math.max(0, amount - (ofFold / busy.folded.folded) * folded) / seconds / most
  return {
    cores: rest(collectors, busy.folded.collectors),
    redis: rest(redis, busy.folded.redis),
    bytes: fromRedis / seconds / most,
  }
}

const kafkaLines = (
  { written, folded }: Part,
  { ofWritten, ofFolded }: ReturnType<typeof scaled>,
): Line[] => {
  const bytes = ofWritten(written.bytes)
  const perNode = ofWritten(written.textBytes) / target.proxies
  return [
    ['Kafka: cores for producers', two(ofWritten(written.kafka)), 'busy part, a request for each message'],
    ['Kafka: cores for collectors', two(ofFolded(folded.kafka)), 'busy part'],
    ['Kafka: MB/s in, of one copy', two(bytes / 1e6), 'busy part'],
    ['Kafka: disk of a day, TB, of one copy', two((bytes * 86_400) / 1e12), 'busy part'],
    ['minutes of events in 12 partitions of 2 GiB', two((12 * 2 ** 31) / bytes / 60), 'defaults'],
    ['event log of a proxy, MB/s', two(perNode / 1e6), 'busy part'],
    ['minutes without Kafka that 256 MB of event log take', two(256e6 / perNode / 60), 'LOG_MAX_BYTES'],
  ]
}

/** What the target needs, by multiplication of measured costs. */
const lines = (outcome: Outcome): readonly Line[] => {
  const { options, claims, memory, metrics, proxyMetrics } = outcome
  const [busy] = outcome.parts
  if (busy === undefined) return []
  const at = scaled(busy)
  const { folded } = busy
  const standing = standingOf(outcome, busy)
  const cores = at.ofFolded(folded.collectors)
  const collectors = Math.ceil(cores / Math.max(0.1, load - standing.cores))
  const claimCores = (claims.redis / claims.claims) * target.perSecond
  const digests = target.perSecond * windowSeconds * claims.bytes
  const state = (memory.node / options.nodes) * target.proxies + memory.user + memory.dc
  const series = target.proxies * proxyMetrics.series + metrics.series
  return [
    ['events a second', whole(at.events), `${at.perConnection.toFixed(1)} events of a connection`],
    ['cores of collectors for the fold', two(cores), 'busy part, one collector'],
    ['cores of each collector for reading the state', two(standing.cores), 'live part less its fold'],
    ['collectors, and least partitions', whole(collectors), `each at ${load * 100} % of a core`],
    ['Redis: cores for the fold', two(at.ofFolded(folded.redis)), 'busy part'],
    ['Redis: cores for reading collectors', two(standing.redis * collectors), 'live part less its fold'],
    ['Redis: MB/s to reading collectors', two((standing.bytes * collectors) / 1e6), 'live part'],
    ['Redis: cores for claims', two(claimCores), 'claims'],
    ['Redis: replay cache, GB', two(digests / 1e9), 'REPLAY_WINDOW=1h'],
    ['Redis: state, GB', two(state / 1e9), `${options.users} users`],
    ...kafkaLines(busy, at),
    ['Prometheus: series', whole(series), '`/metrics` of proxies and a collector'],
    ['Prometheus: samples a second', whole(series / scrapeSeconds), `a scrape each ${scrapeSeconds} s`],
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
