import { startCollector } from '../../../../collector/app/collector.ts'
import { openLog } from '../../../../proxy/event-log/event-log.ts'
import { encodeEvents } from '../../../../proxy/events/codec.ts'
import { session } from '../examples/example-events.ts'

// A child process of a test: appends the events of connections and folds them until it is killed. Prints the number of
// connections that are folded at its start, and after each append the number appended.
const [dataDir = ''] = process.argv.slice(2)
const log = openLog({ dataDir, node: 'n1', maxBytes: 64e6, maxAgeMs: 86_400_000, now: Date.now })
const collector = startCollector({
  fleet: 'here',
  log,
  version: '1',
  now: Date.now,
  logger: () => {},
  timings: { snapshotMs: 7 },
})
await collector.caughtUp
let appended = collector.status().totals.connections
process.stdout.write(`${appended}\n`)

const more = (): void => {
  for (let i = 0; i < 5; i++) {
    const events = session({ at: Date.now(), toClient: 1000 })
    log.append(encodeEvents(events), events)
    appended++
  }
  process.stdout.write(`${appended}\n`, () => setTimeout(more, 1))
}
more()
