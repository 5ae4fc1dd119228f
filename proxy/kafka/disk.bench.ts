/** Kafka's disk space by topic: `node proxy/kafka/disk.bench.ts`. Bytes of the logs, without indexes. */
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connectClient } from '../../compose/test/kit/client/client.ts'
import { startFleet } from '../../compose/test/kit/processes/fleet.ts'
import { until } from '../../compose/test/until.ts'
import { metrics } from '../telemetry/catalogue/catalogue.ts'

const connections = 1_000
const concurrent = 10
const quietMs = 60_000
const active = 100
const activeMs = 120_000

await using fleet = await startFleet({ proxies: 1, collectors: 0 })
const [proxy] = fleet.proxies
if (proxy === undefined) throw new Error('no proxy')

const topics = ['mtscope.events', 'otlp_spans'] as const
const bytes = (): Record<string, number> => {
  const data = join(fleet.kafka.folder, 'data')
  const of = (topic: string): number =>
    readdirSync(data)
      .filter((name) => name.startsWith(`${topic}-`))
      .reduce((sum, name) => {
        const logs = readdirSync(join(data, name)).filter((file) => file.endsWith('.log'))
        return sum + logs.reduce((all, file) => all + statSync(join(data, name, file)).size, 0)
      }, 0)
  return Object.fromEntries(topics.map((topic) => [topic, of(topic)]))
}
const report = (what: string, before: Record<string, number>, after: Record<string, number>): void => {
  const each = topics.map(
    (topic) => `${topic} ${Math.round(((after[topic] ?? 0) - (before[topic] ?? 0)) / 1_000)} KB`,
  )
  process.stdout.write(`${what}: ${each.join(', ')}\n`)
}
const shipped = async (): Promise<void> => {
  await until(async () => (await proxy.metric(metrics.shipRows.name)) === 0, 'all is shipped', 60_000)
  // Spans go in batches, every five seconds.
  await wait(7_000)
}

const one = async (): Promise<void> => {
  const client = await connectClient({ port: proxy.port, secret: proxy.secret, mode: 'tls', dc: 2 })
  await client.reqPq()
  client.end()
  await client.closed
}

process.stdout.write(`${cpus()[0]?.model.trim()}, Node ${process.version}\n`)
await shipped()
const start = bytes()
await wait(quietMs)
await shipped()
const idle = bytes()
report(`no clients, for ${Math.round(quietMs / 1_000)} s and a little`, start, idle)
for (let n = 0; n < connections; n += concurrent) await Promise.all(Array.from({ length: concurrent }, one))
await shipped()
const visited = bytes()
report(`${connections} connections, each answered once`, idle, visited)
const clients = await Promise.all(
  Array.from({ length: active }, () =>
    connectClient({ port: proxy.port, secret: proxy.secret, mode: 'tls', dc: 2 }),
  ),
)
const endsAt = performance.now() + activeMs
while (performance.now() < endsAt) {
  await Promise.all(clients.map((client) => client.echo(randomBytes(1 + Math.floor(Math.random() * 2_000)))))
  await wait(2_000)
}
await shipped()
report(`${active} connections, busy for ${activeMs / 1_000} s`, visited, bytes())
process.exit()
