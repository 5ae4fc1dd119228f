import { parseArgs } from 'node:util'
import { readOwnConfig } from '../../proxy/config/own-config.ts'
import { LogError } from '../../proxy/event-log/errors.ts'
import { sayer } from '../../proxy/logger/logger.ts'
import { NoSnapshot, type Verified, verify } from './rebuild-log.ts'

const usage = `rebuild: folds all events again

  npm run rebuild                  Kafka and Redis (KAFKA_BROKERS, REDIS_URL): folds the topic into an empty Redis
  npm run rebuild -- --replace     the same, though Redis has a state: it is thrown away first; collectors may run on
  npm run rebuild -- --verify      folds in memory and says whether Redis has the same, byte for byte
  npm run rebuild -- DATA_DIR      of an embedded appliance: compares its snapshot with its log

Exits 0 when all is well, 1 when there is a difference, 2 when it was asked wrongly.
`
const wrong = (why: string): never => {
  process.stderr.write(`rebuild: ${why}\n`)
  process.exit(2)
}
const failed = (why: string): never => {
  process.stderr.write(`rebuild: ${why}\n`)
  process.exit(1)
}
const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const compared = (dataDir: string): Verified => {
  try {
    return verify(dataDir, Date.now())
  } catch (error) {
    if (error instanceof LogError || error instanceof NoSnapshot) return failed(error.message)
    throw error
  }
}

const embedded = (dataDir: string): boolean => {
  const { events, rows, whole, difference } = compared(dataDir)
  const folded = `${events} facts of rows ${rows[0]} to ${rows[1]} folded again`
  if (difference === null) print(`${folded}: equal to the snapshot, byte for byte`)
  else if (!whole) print(`${folded}: the log has let older rows go, and the snapshot knows more`)
  else print(`${folded}: NOT equal to the snapshot: ${difference}`)
  return difference === null || !whole
}

const ofFleet = async (verifying: boolean, replace: boolean): Promise<boolean> => {
  const reading = readOwnConfig()
  if (!reading.ok) return wrong(reading.mistakes.join('; '))
  const { kafka, redis, replayWindowMs } = reading.config
  if (kafka === null || redis === null) {
    return wrong('KAFKA_BROKERS and REDIS_URL are not both set; for an embedded appliance name its DATA_DIR')
  }
  const { KafkaSilent, rebuildFleet, StateThere, verifyFleet } = await import('./rebuild-fleet.ts')
  const progress = (line: string): void => void process.stderr.write(`${line}\n`)
  const fleet = { kafka, redis, replayWindowMs, logger: sayer(), progress }
  const verified = async () => {
    try {
      if (!verifying) await rebuildFleet(fleet, replace)
      return await verifyFleet(fleet)
    } catch (error) {
      if (error instanceof StateThere) return wrong(error.message)
      if (error instanceof KafkaSilent) return failed(error.message)
      throw error
    }
  }
  let well = true
  for (const { partition, events, whole, difference } of await verified()) {
    const folded = `partition ${partition}: ${events} facts folded again`
    if (difference === null) print(`${folded}: equal to Redis, byte for byte`)
    else if (!whole) print(`${folded}: the topic has let older messages go, and Redis knows more`)
    else {
      print(`${folded}: NOT equal to Redis: ${difference}`)
      well = false
    }
  }
  return well
}

const options = {
  verify: { type: 'boolean' },
  replace: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
const parsed = (() => {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return wrong(`${error instanceof Error ? error.message : error}\n\n${usage}`)
  }
})()
const { values, positionals } = parsed
if (values.help) print(usage)
else {
  const [dataDir, ...more] = positionals
  if (more.length > 0) wrong(`one DATA_DIR at a time: leave ${more.join(' ')} out`)
  const flags = (['verify', 'replace'] as const).filter((name) => values[name])
  if (flags.length > 1) wrong('--verify compares, --replace folds anew: choose one of them')
  if (dataDir !== undefined && flags.length > 0)
    wrong(`--${flags[0]} is for Kafka and Redis: leave it out, or leave ${dataDir} out`)
  const well =
    dataDir !== undefined ? embedded(dataDir) : await ofFleet(values.verify === true, values.replace === true)
  process.exit(well ? 0 : 1)
}
