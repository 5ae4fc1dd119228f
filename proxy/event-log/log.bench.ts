/** Cost of the event log: `node proxy/event-log/log.bench.ts`. CPU time of the process, user and system; median of five rounds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeBatch, encodeEvents, placed } from '../events/codec.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { examples } from '../events/examples.ts'
import { openLog } from './event-log.ts'

const rounds = 5
/** CPU µs of one of `times` runs: median, smallest and largest round. */
const measure = async (times: number, run: () => void | Promise<void>): Promise<string> => {
  const costs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / times)
  }
  costs.sort((a, b) => a - b)
  return [costs[rounds >> 1], costs[0], costs[rounds - 1]].map((cost) => (cost ?? 0).toFixed(2)).join(' · ')
}

/** The events of one connection. */
const life: readonly ProxyEvent[] = [
  examples['connection.accepted'],
  examples['handshake.accepted'],
  examples['datacenter.dialed'],
  { ...examples['connection.first-byte'], direction: 'to-datacenter' },
  examples['connection.first-byte'],
  examples['connection.progress'],
  examples['connection.closed'],
]
const eventsOf = (count: number): ProxyEvent[] =>
  Array.from({ length: count }, (_, n) => life[n % life.length]!)

const dataDir = mkdtempSync(join(tmpdir(), 'mtscope-bench-'))
const log = openLog({ dataDir, node: 'bench', maxBytes: 512e6, maxAgeMs: 1e12, now: Date.now })
try {
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}`)
  console.log('CPU µs, median · least · most of five rounds')
  const seventy = eventsOf(70)
  const text = encodeEvents(seventy)
  const row = { node: 'bench', boot: 'b', seq: 1, count: 70, text }
  const repeat = (times: number, run: () => void) => () => {
    for (let n = 0; n < times; n++) run()
  }
  console.log(
    `encode, an event        ${await measure(
      70_000,
      repeat(1_000, () => void encodeEvents(seventy)),
    )}`,
  )
  console.log(
    `parse only, an event    ${await measure(
      70_000,
      repeat(1_000, () => void JSON.parse(text)),
    )}`,
  )
  console.log(
    `parse and check, an event ${await measure(
      70_000,
      repeat(1_000, () => void decodeBatch(row)),
    )}`,
  )
  const walk = repeat(1_000, () => {
    for (const _ of placed({ ...row, events: seventy }));
  })
  console.log(`placed(), an event      ${await measure(70_000, walk)}`)
  for (const count of [1, 10, 100]) {
    const events = eventsOf(count)
    const batch = encodeEvents(events)
    const times = 20_000 / Math.sqrt(count)
    const cost = await measure(
      times,
      repeat(times, () => void log.append(batch, events)),
    )
    console.log(`append, a batch of ${String(count).padEnd(4)}${cost}`)
  }
  const { appended } = log.stats
  const refold = async (): Promise<void> => {
    const tail = log.tail(0, (batch) => {
      for (const _ of placed(batch));
    })
    await tail.caughtUp
    tail.stop()
  }
  console.log(
    `read back, an event     ${await measure(appended, refold)} (${appended} events, ${(log.stats.bytes / 1e6) | 0} MB)`,
  )
} finally {
  log.close()
  rmSync(dataDir, { recursive: true })
}
