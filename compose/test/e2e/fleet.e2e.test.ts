import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { exprOf, panelQueries, untilAllHaveData, valuesOf } from '../kit/dashboards/panel-queries.ts'
import { type Fleet, startFleet } from '../kit/processes/fleet.ts'
import type { Appliance } from '../kit/processes/harness.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensurePrometheus, type Prometheus, startPrometheus } from '../services/prometheus.ts'
import { ensureRedis } from '../services/redis.ts'
import { until } from '../until.ts'

const there = ensureKafka() !== null && ensureRedis() !== null && ensurePrometheus() !== null
const it = skipUnless(test, there, 'Kafka, Redis or Prometheus is missing')

const call = async ({ port, secret }: Appliance, bytes = 20_000): Promise<void> => {
  await using client = await connectClient({ port, secret, mode: 'secure', dc: 2 })
  const sent = randomBytes(bytes)
  assert.ok((await client.echo(sent)).equals(sent))
}

/** Waits until a collector has folded so many ended connections. */
const counted = (collector: Appliance, sessions: number): Promise<unknown> =>
  until(
    async () => {
      const { totals, open } = await collector.status()
      return totals.connections === sessions && open.total === 0
    },
    `${sessions} sessions`,
    60_000,
  ).catch(async (error: unknown) => {
    const { totals, open } = await collector.status()
    throw new Error(`${String(error)}; ${totals.connections} connections, ${open.total} open`)
  })

const scraping = ({ proxies, collectors }: Fleet): Promise<Prometheus> => {
  const targets = (of: readonly Appliance[]): string[] =>
    of.map(({ metricsUrl }) => metricsUrl.replace('http://', ''))
  return startPrometheus({
    scrape: { 'mtscope-proxy': targets(proxies), 'mtscope-collector': targets(collectors) },
    intervalMs: 1_000,
  })
}

/** A query about the fleet has one value although two collectors export it; one about a process has a value for each. */
const onceEach = async (prometheus: Prometheus): Promise<void> => {
  const numbers = [
    ['Users', 'Connections today', [3]],
    ['Overview', 'Nodes alive', [2]],
    ['Pipeline', 'Rebuild progress', [1]],
    ['Pipeline', 'Replaced states', [0]],
    ['Pipeline', 'Dead letters', [0]],
    ['Pipeline', 'Kafka and Redis availability', [1, 1, 1, 1]],
    ['Pipeline', 'Kafka availability by proxy', [1, 1]],
  ] as const
  for (const [board, panel, expected] of numbers) {
    await until(
      async () =>
        JSON.stringify(await valuesOf(prometheus, exprOf(board, panel))) === JSON.stringify(expected),
      `${board}: ${panel}: ${expected}`,
    )
  }
  const held = await valuesOf(prometheus, exprOf('Pipeline', 'Partitions by collector'))
  assert.is(
    held.reduce((sum, partitions) => sum + partitions, 0),
    4,
  )
}

it('every collector of a fleet answers for all proxies, also after a collector or proxy is killed', async () => {
  await using fleet = await startFleet({ proxies: 2, collectors: 2 })
  const [one, two] = fleet.proxies as [Appliance, Appliance]
  const [first, second] = fleet.collectors as [Appliance, Appliance]
  await using prometheus = await scraping(fleet)
  await Promise.all([call(one), call(two), call(two)])
  await Promise.all([counted(first, 3), counted(second, 3)])
  // A collector may read between two keys of one commit; it reads the rest a second later.
  const nodes = await until(async () => {
    const [a, b] = await Promise.all([first.status(), second.status()])
    const same = isDeepStrictEqual([a.totals, a.users], [b.totals, b.users])
    return same ? a.nodes.map(({ node }) => node) : null
  }, 'both collectors have the same totals')
  assert.equal(nodes, ['proxy-1', 'proxy-2'])
  assert.is(await first.metric('mtscope_lifetime_sessions_total', { fleet: 'mtscope' }), 3)

  // Every query of the dashboards that has data only in a fleet.
  await untilAllHaveData(
    prometheus,
    panelQueries.filter(({ fleet, seldom }) => fleet && seldom === undefined),
  )
  await onceEach(prometheus)

  const killedAt = performance.now()
  await first.stop('SIGKILL')
  await call(one)
  await counted(second, 4)
  assert.ok(
    performance.now() - killedAt < 30_000,
    `${performance.now() - killedAt} ms until the other has it`,
  )

  await fleet.kafka.kill()
  await call(two)
  await fleet.kafka.start()
  const backAt = performance.now()
  await counted(second, 5)
  assert.ok(performance.now() - backAt < 30_000, `${performance.now() - backAt} ms after the broker was back`)
  await untilAllHaveData(
    prometheus,
    panelQueries.filter(({ fleet, seldom }) => fleet && seldom !== undefined),
  )
  const { events } = await second.status()
  assert.equal(events.lost, {})

  // A restarted collector exports no state before it has read it: a step from 0 to 5 would count as a rate.
  await first.start()
  const reported = await until(
    async () => /^mtscope_lifetime_sessions_total\S* (\d+)$/m.exec(await first.metrics())?.[1],
    'it exports the state',
  )
  assert.is(reported, '5')
  assert.is(await second.stop(), 0)
})

test.run()
