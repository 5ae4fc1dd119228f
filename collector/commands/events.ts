import { parseArgs } from 'node:util'
import type { Config } from '../../proxy/config/config.ts'
import { readOwnConfig } from '../../proxy/config/own-config.ts'
import { LogError } from '../../proxy/event-log/errors.ts'
import { type LogReader, readLog } from '../../proxy/event-log/read.ts'
import { decodeMessage } from '../../proxy/events/codec.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { lineLogger } from '../../proxy/logger/logger.ts'
import { type Filter, lineOf, matches, typeMistake } from './event-line.ts'

const usage = `usage: mtscope events --from TIME [--to TIME] [--json] [filters]
       npm run events -- --from 24h --type connection.closed

Prints the events of a period: from Kafka when KAFKA_BROKERS is set, else from the event log in DATA_DIR.

  --from TIME        start of the period: ISO 8601 (UTC without a zone), as in 2026-11-23T18:00, or an age: 90m, 24h, 7d
  --to TIME          its end; now by default
  --json             prints one JSON object per line

Filters:
  --type TYPE        events of this type, for example connection.closed
  --node NODE        events of this proxy or collector
  --user USER        events of this user
  --connection ID    events of this connection
  --dc ID            events of this datacenter, for example 2

Exits with 0; with 1 when the events cannot be read or printed; with 2 when an option or a setting is wrong.
`

const wrong = (why: string): never => {
  process.stderr.write(`events: ${why}\n\n${usage}`)
  process.exit(2)
}
const failed = (error: unknown): never => {
  process.stderr.write(`events: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}

const text = { type: 'string' } as const
const options = {
  ...{ from: text, to: text, type: text, node: text, user: text, connection: text, dc: text },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const parsed = () => {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}
type Values = ReturnType<typeof parsed>

const units: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 }
const timeOf = (name: string, text: string): number => {
  const [, n, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (n !== undefined) return Date.now() - Number(n) * units[unit!]!
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`
  const at = Date.parse(zoned)
  return Number.isNaN(at)
    ? wrong(`--${name} ${text} is not a time: write it as 2026-11-23T18:00, or as 24h`)
    : at
}

const filterOf = (values: Values): Filter => {
  if (values.from === undefined)
    return wrong('--from is missing: write when the period starts, as in --from 24h')
  const from = timeOf('from', values.from)
  const to = values.to === undefined ? Date.now() : timeOf('to', values.to)
  if (from > to) wrong(`--from ${values.from} is later than --to ${values.to ?? 'now'}: swap them`)
  const mistake = values.type === undefined ? null : typeMistake(values.type)
  if (mistake !== null) wrong(mistake)
  if (values.dc !== undefined && !/^-?\d{1,6}$/.test(values.dc))
    wrong(`--dc ${values.dc} is not the number of a datacenter: write one as in --dc 2`)
  return { ...values, user: values.user?.normalize('NFC'), from, to }
}

const settings = (): Config => {
  const reading = readOwnConfig()
  return reading.ok ? reading.config : wrong(reading.mistakes.join('; '))
}

/** Writes the events of a batch that match to stdout; how many. */
const print = (filter: Filter, { node, boot, seq, events }: Batch, json: boolean): number => {
  let printed = 0
  for (const [n, event] of events.entries()) {
    if (!matches(filter, node, event)) continue
    printed++
    const line = json ? JSON.stringify({ node, boot, seq: seq + n, ...event }) : lineOf(node, event)
    process.stdout.write(`${line}\n`)
  }
  return printed
}

const openLog = (dataDir: string): LogReader => {
  try {
    return readLog(dataDir)
  } catch (error) {
    if (error instanceof LogError) return failed(error)
    throw error
  }
}

const readLocal = (dataDir: string, each: (batch: Batch) => void): void => {
  using log = openLog(dataDir)
  for (let rows = log.page(0); rows.length > 0; rows = log.page(rows.at(-1)!.row)) {
    for (const { batch } of rows) each(batch)
  }
}

/** A proxy ships an event within moments, or after an outage: much later, never before its time. */
const earlyMs = 60_000

const readKafka = async (
  kafka: NonNullable<Config['kafka']>,
  from: number,
  each: (batch: Batch) => void,
): Promise<void> => {
  const [{ openKafka }, { KafkaSilent, offsetsAt, topicExtent }, { readRanges }] = await Promise.all([
    import('../../proxy/kafka/connect.ts'),
    import('../../proxy/kafka/offsets.ts'),
    import('../../proxy/kafka/range.ts'),
  ])
  const client = openKafka(kafka, 'mtscope-events', lineLogger())
  const [extent, starts] = await Promise.all([
    topicExtent(client, kafka.topics.events),
    offsetsAt(client, kafka.topics.events, from - earlyMs),
  ]).catch((error: unknown) => {
    if (error instanceof KafkaSilent) return failed(error)
    throw error
  })
  const ranges = new Map(
    [...extent].map(([partition, { first, next }]) => {
      const start = starts.get(partition) ?? first
      return [partition, { from: start < 0 ? next : start, to: next }]
    }),
  )
  await readRanges(client, kafka.topics.events, ranges, (_, messages) => {
    for (const { value } of messages) {
      const decoded = decodeMessage(String(value ?? ''))
      if (!('error' in decoded)) each(decoded)
    }
  })
}

const values = parsed()
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const filter = filterOf(values)
const { kafka, dataDir } = settings()
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe, such as head, has read enough.
  if (error.code === 'EPIPE') process.exit(0)
  failed(`cannot write the events to stdout: ${error.message}`)
})
let printed = 0
const each = (batch: Batch): void => {
  printed += print(filter, batch, values.json === true)
}
if (kafka === null) readLocal(dataDir, each)
else await readKafka(kafka, filter.from, each)
// The error of a full disk comes before this callback.
process.stdout.write('', (error) => {
  if (error) return
  process.stderr.write(`${printed} events\n`)
  process.exit(0)
})
