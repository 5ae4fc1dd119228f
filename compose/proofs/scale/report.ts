import { provenance } from '../provenance.ts'
import { fleetPlan } from './plan.ts'
import type { Outcome, Part } from './run.ts'

type Row = readonly (string | number)[]

const table = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const whole = (value: number): string => Math.round(value).toLocaleString('en')
const perMillion = (seconds: number, events: number): string => ((seconds / events) * 1e6).toFixed(2)
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const partRow = ({ name, collectors, folded }: Part): Row => [
  `${name}, ${collectors} collector${collectors > 1 ? 's' : ''}`,
  whole(folded.folded),
  whole(folded.folded / folded.seconds),
  whole(folded.folded / folded.collectors),
  perMillion(folded.collectors, folded.folded),
  perMillion(folded.kafka, folded.folded),
  perMillion(folded.redis, folded.folded),
  whole(folded.commands / folded.seconds),
  (folded.commands / folded.folded).toFixed(1),
]

const folds = ({ parts }: Outcome): string =>
  table(
    [
      'part',
      'events',
      'events/s',
      'events per core-second',
      'CPU s per million: collectors',
      'Kafka',
      'Redis',
      'Redis commands/s',
      'commands per event',
    ],
    parts.map(partRow),
  )

const writes = ({ parts, live }: Outcome): string =>
  table(
    [
      'part',
      'events',
      'messages',
      'events/s',
      'CPU s per million: writer',
      'Kafka',
      'bytes of an event: text',
      'in Kafka',
    ],
    [...parts, { name: 'live', collectors: 2, written: live.written }].map(
      ({ name, collectors, written }) => [
        `${name}, for ${collectors}`,
        whole(written.events),
        whole(written.messages),
        whole(written.events / written.seconds),
        perMillion(written.cpu, written.events),
        perMillion(written.kafka, written.events),
        (written.textBytes / written.events).toFixed(0),
        (written.bytes / written.events).toFixed(1),
      ],
    ),
  )

const standing = (outcome: Outcome): string => {
  const { options, live, memory, ticks, claims, metrics, status, proxyMetrics, rss, stateEntries } = outcome
  const { nodes, users } = options
  const { folded, written } = live
  const share = (seconds: number): string => `${((100 * seconds) / folded.seconds).toFixed(0)} % of a core`
  return table(
    ['figure', 'value'],
    [
      ['live, each node one message a second: events/s', whole(written.events / written.seconds)],
      ['CPU of the two collectors together', share(folded.collectors)],
      ['CPU of Redis', share(folded.redis)],
      ['CPU of Kafka, produce and fetch', share(folded.kafka)],
      ['commands of Redis a second', whole(folded.commands / folded.seconds)],
      ['bytes that Redis sends a second', megabytes(folded.fromRedis / folded.seconds)],
      ['memory of a node in Redis', `${whole(memory.node / nodes)} B after ${ticks} ticks`],
      ['memory of a user in Redis', `${whole(memory.user / users)} B over ${options.partitions} partitions`],
      ['memory of a datacenter in Redis', `${whole(memory.dc / 5)} B over ${options.partitions} partitions`],
      ['memory of Redis', `${megabytes(memory.total)}, ${whole(memory.fields)} fields`],
      ['memory of a handshake in the replay cache', `${claims.bytes.toFixed(0)} B`],
      ['CPU of Redis per million claims', `${perMillion(claims.redis, claims.claims)} s`],
      [
        '`/metrics` of a collector',
        `${whole(metrics.series)} series, ${whole(metrics.bytes)} B, ${metrics.ms.toFixed(0)} ms`,
      ],
      [
        '`/metrics` of a proxy',
        `${whole(proxyMetrics.series)} series, ${whole(proxyMetrics.bytes)} B, ${proxyMetrics.ms.toFixed(0)} ms`,
      ],
      ['`/api/status`', `${whole(status.bytes)} B, ${status.ms.toFixed(0)} ms`],
      [
        'memory of a collector',
        `${megabytes(rss.now)}, at most ${megabytes(rss.peak)}; ${whole(stateEntries)} entries`,
      ],
    ],
  )
}

/** SCALE.md. */
export const document = (outcome: Outcome): string => {
  const { options, events } = outcome
  const busy = outcome.parts.find(({ name }) => name === 'busy')
  return `# Scale

Written whole by one run of \`npm run scale\`. ${provenance()}
${whole(options.nodes)} simulated proxies, ${whole(options.users)} users, ${options.partitions} partitions; one broker, one Redis and the collectors are real processes that share
these cores with the writer. [docs/scale.md](../../../docs/scale.md) applies the figures.

**${whole(events.written)} events: ${events.lost} lost, ${events.twice} counted twice; the state ${events.equal ? 'equals' : '**differs from**'} a recount.**

## Fold

${folds(outcome)}

*busy*: messages of about ${whole((busy?.written.events ?? 0) / (busy?.written.messages ?? 1))} events, as a proxy with 200 new connections a second writes ten times a second. *quiet*: a
sample in each tick of ten seconds and a connection a minute, in messages of one to eight events. Kafka's CPU here is that of reading.

## Write

${writes(outcome)}

Events are encoded and compressed (zstd) by the shipper and the producer of the proxy. One process writes for all nodes.

## Standing costs

${standing(outcome)}

Of every request five were made, and the median is shown. The claims come over ${whole(Math.min(options.nodes, 200))} connections, two at a time on each; ${whole(outcome.claims.unanswered)}
of ${whole(outcome.claims.claims)} were not answered within 50 ms.

## From these figures

${fleetPlan(outcome)}
`
}
