import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureKafka } from '../services/kafka.ts'
import { ensureRedis } from '../services/redis.ts'
import { skipUnless } from '../testing/skip.ts'
import { connectClient } from './client.ts'
import { startFleet } from './fleet.ts'
import type { Appliance } from './harness.ts'
import { until } from './until.ts'

const there = ensureKafka() !== null && ensureRedis() !== null
const it = skipUnless(test, there, 'Kafka or Redis is missing')

const call = async ({ port, secret }: Appliance, bytes = 20_000): Promise<void> => {
  await using client = await connectClient({ port, secret, mode: 'secure', dc: 2 })
  const sent = randomBytes(bytes)
  assert.ok((await client.echo(sent)).equals(sent))
}

/** Waits until a collector has folded so many sessions to their end. */
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
    throw new Error(`${String(error)}; there are ${totals.connections}, ${open.total} open`)
  })

it('a fleet: every collector answers for all proxies, whoever dies', async () => {
  await using fleet = await startFleet({ proxies: 2, collectors: 2 })
  const [one, two] = fleet.proxies as [Appliance, Appliance]
  const [first, second] = fleet.collectors as [Appliance, Appliance]
  await Promise.all([call(one), call(two), call(two)])
  await Promise.all([counted(first, 3), counted(second, 3)])
  const [a, b] = await Promise.all([first.status(), second.status()])
  assert.equal(
    a.nodes.map(({ node }) => node),
    ['proxy-1', 'proxy-2'],
  )
  assert.equal(a.totals, b.totals)
  assert.equal(a.users, b.users)
  assert.is(await first.metric('mtscope_lifetime_sessions_total', { fleet: 'mtscope' }), 3)

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
  const { events } = await second.status()
  assert.equal(events.lost, {})
  assert.is(await second.stop(), 0)
})

test.run()
