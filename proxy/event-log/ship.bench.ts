/** Cost of shipping: `node proxy/event-log/ship.bench.ts`. With a real broker, whose CPU is not counted. */
import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { startKafka } from '../../compose/test/services/kafka.ts'
import { encodeEvents } from '../events/codec.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { examples } from '../events/examples.ts'
import { openKafka } from '../kafka/connect.ts'
import { openProducer } from '../kafka/producer.ts'
import { startShipper } from './ship.ts'

const rounds = 3
const eventsOfRow = 100
const rows = 4_000

/** Events of connections with random ids: events that compress too well would not show the cost. */
const row = (): ProxyEvent[] =>
  Array.from({ length: eventsOfRow }, (_, n) => {
    const kinds = [
      examples['connection.accepted'],
      examples['handshake.accepted'],
      examples['datacenter.dialed'],
      examples['connection.first-byte'],
      examples['connection.progress'],
      examples['connection.closed'],
    ]
    return { ...kinds[n % kinds.length]!, connection: randomBytes(16).toString('hex'), at: Date.now() + n }
  })

await using broker = await startKafka()
const config = testConfig(broker.brokers)
console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}`)
for (const compression of ['zstd', 'gzip', 'none'] as const) {
  for (let round = 0; round < rounds; round++) {
    using dir = folder()
    using log = open(dir.path, { maxBytes: 1e9, maxAgeMs: 0, now: Date.now })
    const producer = openProducer(
      openKafka({ ...config, compression }, 'bench', () => {}),
      config.topics.events,
    )
    await producer.partitions()
    let bytes = 0
    for (let n = 0; n < rows; n++) {
      const events = row()
      const text = encodeEvents(events)
      bytes += text.length
      log.append(text, events)
    }
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const before = process.cpuUsage()
    const since = performance.now()
    const shipper = startShipper(log, producer, console.log)
    await shipper.stop(60_000)
    const { user, system } = process.cpuUsage(before)
    const seconds = (performance.now() - since) / 1_000
    const events = shipper.shipped.events
    console.log(
      `${compression}: ${(user + system) / events} CPU s a million events of ${Math.round(bytes / events)} bytes, ` +
        `${Math.round(events / seconds)} events/s, longest turn ${Math.round(delay.max / 1e6)} ms`,
    )
    await producer.close()
  }
}
