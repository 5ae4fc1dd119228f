import { parseArgs } from 'node:util'
import { readOwnConfig } from '../../proxy/config/own-config.ts'
import { LogError } from '../../proxy/event-log/errors.ts'
import { type LogReader, readLog } from '../../proxy/event-log/read.ts'
import { decodeMessage } from '../../proxy/events/codec.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { sayer } from '../../proxy/logger/logger.ts'
import { lineOf, matches, type Question, typeMistake } from './event-line.ts'

const usage = `replay: tells the events of a time, for a question about yesterday

  npm run replay -- --from 2026-11-23T18:00 [--to 2026-11-23T19:00] [--json]
                    [--type connection.closed] [--node NODE] [--user USER] [--connection ID] [--dc 2]

Times are as ISO 8601 writes them (UTC when no zone is given), or 90m, 24h, 7d for so long ago; --to is now when left out.
Reads Kafka when KAFKA_BROKERS is set, else the log in DATA_DIR; writes lines to read, or with --json one JSON object a line.
`
const wrong = (why: string): never => {
  process.stderr.write(`replay: ${why}\n\n${usage}`)
  process.exit(2)
}

const units: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 }
const timeOf = (name: string, text: string): number => {
  const [, n, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (n !== undefined) return Date.now() - Number(n) * units[unit!]!
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`
  const at = Date.parse(zoned)
  return Number.isNaN(at) ? wrong(`--${name} ${text} is no time: write one as 2026-11-23T18:00, or 24h`) : at
}

const text = { type: 'string' } as const
const options = {
  ...{ from: text, to: text, type: text, node: text, user: text, connection: text, dc: text },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
const { values } = (() => {
  try {
    return parseArgs({ options })
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
})()
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
if (values.from === undefined) wrong('--from is missing')
const question: Question = {
  ...values,
  user: values.user?.normalize('NFC'),
  from: timeOf('from', values.from!),
  to: values.to === undefined ? Date.now() : timeOf('to', values.to),
}
if (question.from > question.to)
  wrong(`--from ${values.from} is later than --to ${values.to ?? 'now'}: swap them`)
if (values.type !== undefined) {
  const mistake = typeMistake(values.type)
  if (mistake !== null) wrong(mistake)
}
if (values.dc !== undefined && !/^-?\d{1,6}$/.test(values.dc))
  wrong(`--dc ${values.dc} is no number of a datacenter: write one as 2`)
const reading = readOwnConfig()
if (!reading.ok) wrong(reading.mistakes.join('; '))
const config = reading.ok ? reading.config : wrong('')

let reported = 0
const report = ({ node, boot, seq, events }: Batch): void => {
  for (const [n, event] of events.entries()) {
    if (!matches(question, node, event)) continue
    reported++
    const line = values.json ? JSON.stringify({ node, boot, seq: seq + n, ...event }) : lineOf(node, event)
    process.stdout.write(`${line}\n`)
  }
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `| head` has seen enough.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`replay: what was found cannot be written: ${error.message}\n`)
  process.exit(1)
})

/** A fact is shipped within moments of its time, or after an outage: much later, never before. */
const earlyMs = 60_000

const failed = (error: unknown): never => {
  process.stderr.write(`replay: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
const logOf = (dataDir: string): LogReader => {
  try {
    return readLog(dataDir)
  } catch (error) {
    if (error instanceof LogError) return failed(error)
    throw error
  }
}

if (config.kafka === null) {
  using log = logOf(config.dataDir)
  for (let rows = log.page(0); rows.length > 0; rows = log.page(rows.at(-1)!.row)) {
    for (const { batch } of rows) report(batch)
  }
} else {
  const [{ openKafka }, { KafkaSilent, offsetsAt, topicExtent }, { readRanges }] = await Promise.all([
    import('../../proxy/kafka/connect.ts'),
    import('../../proxy/kafka/offsets.ts'),
    import('../../proxy/kafka/range.ts'),
  ])
  const { kafka } = config
  const client = openKafka(kafka, 'mtscope-replay', sayer())
  const [extent, starts] = await Promise.all([
    topicExtent(client, kafka.topics.events),
    offsetsAt(client, kafka.topics.events, question.from - earlyMs),
  ]).catch((error: unknown) => {
    if (error instanceof KafkaSilent) return failed(error)
    throw error
  })
  const ranges = new Map(
    [...extent].map(([partition, { first, next }]) => {
      const from = starts.get(partition) ?? first
      return [partition, { from: from < 0 ? next : from, to: next }]
    }),
  )
  await readRanges(client, kafka.topics.events, ranges, (_, messages) => {
    for (const { value } of messages) {
      const decoded = decodeMessage(String(value ?? ''))
      if (!('error' in decoded)) report(decoded)
    }
  })
}
// A disk that is full is told of in between.
process.stdout.write('', (error) => {
  if (error) return
  process.stderr.write(`${reported} events\n`)
  process.exit(0)
})
