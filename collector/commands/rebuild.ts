import { parseArgs } from 'node:util'
import { readOwnConfig } from '../../proxy/config/own-config.ts'
import { LogError } from '../../proxy/event-log/errors.ts'
import { lineLogger } from '../../proxy/logger/logger.ts'
import { NoSnapshot, type Verified, verify } from './rebuild-log.ts'

const usage = `usage: mtscope rebuild [--replace | --verify | DATA_DIR]
       npm run rebuild -- --verify

Folds all events again.

  (nothing)    fleet (KAFKA_BROKERS, REDIS_URL): folds the topic into an empty Redis
  --replace    the same for a Redis that has a state: deletes it first; collectors may go on running
  --verify     folds the topic in memory and compares the result with Redis, byte for byte
  DATA_DIR     embedded appliance: folds its event log and compares the result with its snapshot

Exits with 0; with 1 when there is a difference, or the events cannot be read; with 2 when an option or a setting is wrong.
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
  const folded = `folded ${events} events of rows ${rows[0]} to ${rows[1]} again`
  if (difference === null) print(`${folded}: equal to the snapshot, byte for byte`)
  else if (!whole) print(`${folded}: the event log has deleted older rows, which the snapshot still counts`)
  else print(`${folded}: NOT equal to the snapshot: ${difference}`)
  return difference === null || !whole
}

const ofFleet = async (verifying: boolean, replace: boolean): Promise<boolean> => {
  const reading = readOwnConfig()
  if (!reading.ok) return wrong(reading.mistakes.join('; '))
  const { kafka, redis, replayWindowMs } = reading.config
  if (kafka === null || redis === null) {
    return wrong('set KAFKA_BROKERS and REDIS_URL; for an embedded appliance, give its DATA_DIR')
  }
  const { KafkaSilent, rebuildFleet, StateThere, verifyFleet } = await import('./rebuild-fleet.ts')
  const progress = (line: string): void => void process.stderr.write(`${line}\n`)
  const fleet = { kafka, redis, replayWindowMs, logger: lineLogger(), progress }
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
  let isEqual = true
  for (const { partition, events, whole, difference } of await verified()) {
    const folded = `partition ${partition}: folded ${events} events again`
    if (difference === null) print(`${folded}: equal to Redis, byte for byte`)
    else if (!whole) print(`${folded}: the topic has deleted older messages, which Redis still counts`)
    else {
      print(`${folded}: NOT equal to Redis: ${difference}`)
      isEqual = false
    }
  }
  return isEqual
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
  if (flags.length > 1) wrong('--verify only compares, --replace folds into Redis: choose one of them')
  if (dataDir !== undefined && flags.length > 0)
    wrong(`--${flags[0]} is for Kafka and Redis: leave it out, or leave ${dataDir} out`)
  const isEqual =
    dataDir !== undefined ? embedded(dataDir) : await ofFleet(values.verify === true, values.replace === true)
  process.exit(isEqual ? 0 : 1)
}
