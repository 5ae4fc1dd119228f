/** `node collector/app/fleet.bench.ts`: CPU seconds that a collector and its Redis take, since the machine may be shared. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { startAppliance } from '../../compose/test/kit/processes/harness.ts'
import { startKafka } from '../../compose/test/services/kafka.ts'
import { startRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import { encodeEvents, encodeMessage } from '../../proxy/events/codec.ts'
import { openKafka } from '../../proxy/kafka/connect.ts'
import { openProducer } from '../../proxy/kafka/producer.ts'
import { rebuildFleet } from '../commands/rebuild-fleet.ts'

const messages = 6_000
const partitions = 4
const users = Array.from({ length: 100 }, (_, n) => `user-${n}`)

const cpuOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (user! + system!) / 100
}

await using kafka = await startKafka()
await using redis = await startRedis()
const config = testConfig(kafka.brokers, 'mtscope', partitions)
const producer = openProducer(
  openKafka(config, 'bench', () => {}),
  config.topics.events,
)
const next = new Map<string, number>()
let made = 0
const began = Date.now() - 3_600_000
for (let n = 0; n < messages; n += 50) {
  const batch = Array.from({ length: 50 }, (_, i) => {
    const node = `proxy-${(n + i) % 20}`
    const at = began + (n + i) * 500
    const events = [sampled(at)]
    while (events.length < 100) {
      const user = users[(n * 7 + events.length) % users.length]!
      for (const event of session({
        at,
        user,
        dc: 1 + (events.length % 5),
        toClient: 40_000,
        toDatacenter: 2_000,
      })) {
        events.push('connection' in event ? { ...event, connection: randomBytes(16).toString('hex') } : event)
      }
    }
    const seq = next.get(node) ?? 1
    next.set(node, seq + events.length)
    made += events.length
    return {
      partition: ((n + i) % 20) % partitions,
      value: encodeMessage({ node, boot: 'b', seq, text: encodeEvents(events) }),
    }
  })
  for (let p = 0; p < partitions; p++) {
    await producer.send(
      p,
      batch.filter(({ partition }) => partition === p).map(({ value }) => ({ value })),
    )
  }
}
await producer.close()
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}; ${made} events of 20 proxies, 100 users`,
)

const report = (label: string, seconds: number, cpu: number, ofRedis: number): void =>
  console.log(
    `${label}: ${Math.round(made / seconds)} events/s; ${((cpu / made) * 1e6).toFixed(1)} CPU s per million ` +
      `(${Math.round(made / cpu)} events per core-second), Redis ${((ofRedis / made) * 1e6).toFixed(2)}`,
  )

{
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(),
    REDIS_URL: redis.url,
    KAFKA_PARTITIONS: String(partitions),
  }
  const [before, since] = [cpuOf(redis.pid), performance.now()]
  await using collector = await startAppliance({ program: 'collector/main.ts', env })
  await until(async () => (await collector.status()).events.folded >= made, 'all is folded', 300_000)
  report(
    'collector, a backlog',
    (performance.now() - since) / 1000,
    cpuOf(collector.pid),
    cpuOf(redis.pid) - before,
  )
}
{
  const [before, since, cpu] = [cpuOf(redis.pid), performance.now(), process.cpuUsage()]
  const fleet = { kafka: config, redis: { urls: [redis.url], prefix: 'mtscope' }, replayWindowMs: 3_600_000 }
  await rebuildFleet({ ...fleet, logger: () => {}, progress: console.log }, true)
  const { user, system } = process.cpuUsage(cpu)
  report('rebuild', (performance.now() - since) / 1000, (user + system) / 1e6, cpuOf(redis.pid) - before)
}
process.exit(0)
