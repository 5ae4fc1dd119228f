import { provenance } from '../provenance.ts'
import { inexact, mb, type Soak, type Stored } from './run.ts'
import { medians, type Sample } from './samples.ts'

/** Growth that counts as none. */
const most = 0.03
/** Memory is compared with that of the tenth minute, in a shorter run with that of its middle; medians of so many seconds. */
const settledAt = (seconds: number): number => Math.min(600, seconds / 2)
const windowSeconds = 120
/** A shorter run has no verdict about growth: heaps and caches still take their size. */
export const judgedFrom = 600
/** A run that is long enough for the table. */
export const wholeFrom = 840

export type Growth = {
  readonly program: string
  readonly of: 'rss' | 'descriptors'
  readonly before: number
  readonly after: number
  readonly isGood: boolean
}

export const growths = (soak: Soak, seconds: number): Growth[] =>
  [...soak.programs].flatMap(([program, samples]) => {
    const from = settledAt(seconds)
    const before = medians(samples, from - windowSeconds / 2, from + windowSeconds / 2)
    const after = medians(samples, seconds - windowSeconds, seconds)
    return (['rss', 'descriptors'] as const).map((of) => ({
      program,
      of,
      before: before[of],
      after: after[of],
      isGood: after[of] <= before[of] * (1 + most),
    }))
  })

/** What is wrong with a run; empty when all is well. */
export const failures = (soak: Soak, seconds: number): string[] => {
  const wrong = inexact(soak.totals)
  const grown = seconds < judgedFrom ? [] : growths(soak, seconds).filter(({ isGood }) => !isGood)
  return [
    ...(wrong === null ? [] : [wrong]),
    ...grown.map(
      (growth) =>
        `${growth.program}: ${growth.of} grew from ${shown(growth, 'before')} to ${shown(growth, 'after')}`,
    ),
  ]
}

const shown = (growth: Growth, when: 'before' | 'after'): string =>
  growth.of === 'rss' ? `${mb(growth[when])} MB` : `${growth[when]}`

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (names: readonly string[], rows: readonly string[]): string =>
  [row(...names), row(...names.map(() => '---')), ...rows].join('\n')

/** About twenty of them, and the last. */
const some = <T>(all: readonly T[]): T[] => {
  const step = Math.max(1, Math.floor(all.length / 20))
  return all.filter((_, i) => i % step === 0 || i === all.length - 1)
}

const minutes = (seconds: number): string => (seconds / 60).toFixed(1)

const byTime = (samples: readonly Sample[]): string =>
  table(
    [
      ...[
        'minute',
        'resident',
        'anonymous',
        'heap, main',
        'heaps, other threads',
        'external',
        'malloc, rest',
      ],
      ...['descriptors', 'event log', 'pages', 'free'],
    ],
    some(samples).map((one) =>
      row(
        minutes(one.seconds),
        ...[one.rss, one.anonymous, one.mainHeap, one.otherHeaps, one.external, one.malloc].map(mb),
        `${one.descriptors}`,
        mb(one.logBytes),
        `${one.logPages}`,
        `${one.freePages}`,
      ),
    ),
  )

const storedTable = (stored: readonly Stored[]): string =>
  table(
    ['minute', 'Redis, MB', 'Kafka, MB'],
    some(stored).map(({ seconds, redis, kafka }) => row(minutes(seconds), mb(redis), mb(kafka))),
  )

const verdict = (soak: Soak, seconds: number): string =>
  table(
    ['program', 'median of', `minute ${minutes(settledAt(seconds))}`, 'last two minutes', 'growth'],
    growths(soak, seconds).map((growth) =>
      row(
        growth.program,
        growth.of === 'rss' ? 'resident memory' : 'descriptors',
        shown(growth, 'before'),
        shown(growth, 'after'),
        `${(100 * (growth.after / growth.before - 1)).toFixed(1)} %`,
      ),
    ),
  )

const endsOf = ({ totals }: Soak): string =>
  totals.closes
    .toSorted((a, b) => b.total - a.total)
    .map(({ by, phase, reason, total }) => `${total} ${by}/${phase}/${reason}`)
    .join(', ')

export const resultOf = (soak: Soak, seconds: number): string => {
  const { totals } = soak
  return [
    `${totals.opened} connections opened, ${totals.accepted} accepted, ${totals.closed} closed, ${totals.open} open; ` +
      `${totals.sessions} authenticated, ${totals.counted.connections} of them counted by the collector; ${totals.dropped} dropped; ${totals.lost} events lost; ` +
      `${totals.skipped} not opened, because this machine was too slow.`,
    `Ends: ${endsOf(soak)}.`,
    ...(seconds < judgedFrom ? [] : [verdict(soak, seconds)]),
  ].join('\n\n')
}

/** The text of SOAK.md. */
export const document = (soak: Soak, seconds: number, perSecond: number, options: string): string => `# Soak

Written whole by one run of \`npm run soak${options}\`. ${provenance()}
${seconds / 60} minutes at ${perSecond} connections a second: of each hundred 83 clients with \`dd\` and \`ee\`, 2 of which stay for
20 s, 4 silent ones, 8 probes and 3 replays, which go to the masking host; of each 2,000, one transfers 16 MiB down and 4 MiB up.
A run passes when no client is dropped, all totals are exact, and resident memory and descriptors have grown by no more than
${100 * most} % since the tenth minute.

${resultOf(soak, seconds)}

![Memory by time](SOAK.svg)
${[...soak.programs].map(([name, samples]) => `\n## ${name}\n\nMB, except for descriptors and pages.\n\n${byTime(samples)}\n`).join('')}${
  soak.stored.length === 0 ? '' : `\n## Kafka and Redis\n\n${storedTable(soak.stored)}\n`
}
- *heap*: what V8 has taken from the system. *external*: buffers outside of it. *malloc, rest*: anonymous memory that is neither, as
  malloc of Node, OpenSSL and SQLite, stacks, and compiled code.
- *event log*: \`log.sqlite\` and its write-ahead log, bounded by \`LOG_MAX_BYTES\` (64 MiB here); *free*: pages that the next rows reuse.
`
