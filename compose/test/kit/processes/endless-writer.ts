/**
 * A child process of a test: opens the event log in the folder given as argument, prints `boot <id>`, and appends batches
 * until it is killed. Prints `<row> <seq> <count>` after each `append` that has returned.
 */
import { writeSync } from 'node:fs'
import { openLog } from '../../../../proxy/event-log/event-log.ts'
import { encodeEvents } from '../../../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../../../proxy/events/contract.ts'

const log = openLog({
  dataDir: process.argv[2] ?? '',
  node: 'child',
  maxBytes: 2 ** 30,
  maxAgeMs: 86_400_000,
  now: Date.now,
})
let row = 0
log.tail(Number.MAX_SAFE_INTEGER, (_, at) => {
  row = at
})
writeSync(1, `boot ${log.boot}\n`)

const write = (): void => {
  for (let n = 1; n <= 50; n++) {
    const events: ProxyEvent[] = Array.from({ length: n }, () => ({
      v: 1,
      type: 'process.stopped',
      at: Date.now(),
      reason: 'x'.repeat(n),
    }))
    const { seq } = log.append(encodeEvents(events), events)
    if (row > 0) writeSync(1, `${row} ${seq} ${n}\n`)
  }
  setImmediate(write)
}
write()
