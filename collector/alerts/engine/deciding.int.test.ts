import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emitter, noon, probe, sampled } from '../../../compose/test/kit/examples/example-events.ts'
import { skipUnless } from '../../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis } from '../../../compose/test/services/redis.ts'
import { until } from '../../../compose/test/until.ts'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { connectRedis } from '../../../proxy/redis/connect.ts'
import { createMemoryState } from '../../fold/state.ts'
import { startDeciding } from './deciding.ts'
import { createWatching } from './watching.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

/** The collectors of a fleet, with one Redis, one state and one clock that the test controls. */
const fleet = async () => {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await startRedis())
  const state = createMemoryState()
  const emit = emitter(state)
  const produced: AlertEvent[] = []
  let now = noon
  let lagMs = 0
  const collector = async (self: string) => {
    const redis = connectRedis({ urls: [server.url], prefix: 'f' }, self, () => {})
    await new Promise((resolve) => redis.once('ready', resolve))
    const printed: string[] = []
    let able = true
    const deciding = startDeciding({
      redis,
      prefix: 'f',
      state,
      lagMs: () => lagMs,
      able: () => able,
      alerts: {
        send: async (_, messages) => {
          for (const { value } of messages) produced.push(JSON.parse(String(value)) as AlertEvent)
        },
      },
      webhook: null,
      self,
      up: () => ({ kafka: true, redis: true }),
      factor: 1,
      now: () => now,
      steady: () => now,
      // In this test minutes pass between two looks.
      watching: createWatching(
        () => now,
        () => now,
        Number.POSITIVE_INFINITY,
      ),
      logger: (_, what, fields) => printed.push(`${what} ${fields?.rule ?? ''}`),
    })
    stack.defer(async () => {
      await deciding.stop()
      redis.disconnect()
    })
    return {
      ...deciding,
      printed,
      blind: () => {
        able = false
      },
    }
  }
  const down = (minutes: number): void => {
    for (const end = now + minutes * 60_000; now < end; now += 10_000) {
      emit(sampled(now), probe(now, 'timeout'))
    }
  }
  const well = (minutes: number): void => {
    for (const end = now + minutes * 60_000; now < end; now += 10_000) emit(sampled(now), probe(now, 40))
  }
  return {
    server,
    collector,
    produced,
    down,
    well,
    lag: (ms: number) => {
      lagMs = ms
    },
    silence: (minutes: number) => {
      now += minutes * 60_000
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const rulesOf = (alerts: readonly { rule: string; clearedAt: number | null }[]): string[] =>
  alerts.filter(({ clearedAt }) => clearedAt === null).map(({ rule }) => rule)

it('one collector decides, all of them show the alert, and a fail-over neither raises it twice nor clears it wrongly', async () => {
  await using f = await fleet()
  const [a, b] = [await f.collector('a'), await f.collector('b')]
  f.well(2)
  await a.refresh()
  await b.refresh()
  f.down(3)
  for (let i = 0; i < 3; i++) for (const one of [b, a, b]) await one.refresh()
  assert.equal(a.printed, ['alert.raised datacenter-down'])
  assert.equal(b.printed, [])
  assert.equal(rulesOf(b.list()), ['datacenter-down'])
  await until(() => f.produced.length === 1, 'the alert is in Kafka')

  // The collector that decides lost its view: it hands over the lease.
  a.blind()
  await a.refresh()
  await b.refresh()
  await b.refresh()
  assert.equal(b.printed, [])
  assert.equal(rulesOf(a.list()), ['datacenter-down'])
  f.well(30)
  await b.refresh()
  assert.equal(b.printed, ['alert.cleared datacenter-down'])
  await until(() => f.produced.length === 2, 'the cleared alert is in Kafka')
  await a.refresh()
  assert.equal(rulesOf(a.list()), [])
})

it('when a collector is killed, another one decides after its lease, and a silent node stays silent', async () => {
  await using f = await fleet()
  const [a, b] = [await f.collector('a'), await f.collector('b')]
  f.well(2)
  await a.refresh()
  f.silence(5)
  await a.refresh()
  assert.equal(a.printed, ['alert.raised node-silent'])
  await b.refresh()
  assert.equal(b.printed, [])
  // `a` stops: its lease runs out by the clock of Redis, and `b` begins to decide.
  const taken = performance.now()
  await until(async () => {
    await b.refresh()
    return performance.now() - taken > 6_000
  }, 'the lease is over')
  f.silence(1)
  for (let i = 0; i < 3; i++) await b.refresh()
  assert.equal(rulesOf(b.list()), ['node-silent'])
  assert.equal(b.printed, [])
  f.well(3)
  await until(async () => {
    await b.refresh()
    return b.printed.includes('alert.cleared node-silent')
  }, 'the next collector clears it')
})

it('while the state is behind, only the lag is decided', async () => {
  await using f = await fleet()
  const a = await f.collector('a')
  f.well(2)
  await a.refresh()
  f.down(3)
  await a.refresh()
  f.lag(120_000)
  f.silence(20)
  await a.refresh()
  assert.equal(a.printed, ['alert.raised datacenter-down', 'alert.raised collector-lag'])
})

test.run()
