import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis } from '../../compose/test/services/redis.ts'
import { encodeMessage } from '../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { examples } from '../../proxy/events/examples.ts'
import { connectRedis, type RedisClient } from '../../proxy/redis/connect.ts'
import { foldMessage, memorySink, openMessage } from '../fold/message.ts'
import { createMemoryState } from '../fold/state.ts'
import { type Hold, takePartition } from '../state/redis-hold.ts'
import { readPartition } from '../state/redis-read.ts'
import { foldParts } from './parts.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const now = Date.now()
/** Redis expires keys while the test runs: leaves out buckets that end until then. */
const soon = now + 120_000
const connected = async (url: string): Promise<RedisClient & AsyncDisposable> => {
  const redis = connectRedis({ urls: [url], prefix: 'x' }, 'test', () => {})
  await new Promise((resolve) => redis.once('ready', resolve))
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() })
}

/** Events in as many ticks, of the last two days. */
const inDistinctTicks = (count: number): ProxyEvent[] =>
  Array.from({ length: count }, (_, i) => ({ ...examples['connection.accepted'], at: now - i * 10_000 }))
const messageOf = (boot: string, seq: number, count: number) => ({
  value: Buffer.from(encodeMessage({ node: 'n', boot, seq, text: JSON.stringify(inDistinctTicks(count)) })),
  at: now,
  sentAt: now,
})

const snapshotOf = async (redis: RedisClient, prefix: string): Promise<string> => {
  const state = createMemoryState((await readPartition(redis, prefix, 0))!.aggregates)
  state.expire(soon)
  return state.snapshot()
}

type Evalsha = (...args: unknown[]) => Promise<unknown>

/** Intercepts calls of scripts. */
const intercept = (
  redis: RedisClient,
  to: (run: () => Promise<unknown>, args: unknown[]) => Promise<unknown>,
): (() => void) => {
  const scripted = redis as unknown as { evalsha: Evalsha }
  const evalsha = scripted.evalsha.bind(redis)
  scripted.evalsha = (...args) => to(() => evalsha(...args), args)
  return () => {
    scripted.evalsha = evalsha
  }
}

it('a message of 12,000 events in distinct ticks is folded, with at most 40,000 arguments per call', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  let most = 0
  const restore = intercept(redis, (run, args) => {
    most = Math.max(most, args.flat().length)
    return run()
  })
  const message = messageOf('b', 1, 12_000)
  const hold = await takePartition({ redis, prefix: 'x', partition: 0 })
  const write = async (part: number): Promise<boolean> => (await hold.commit(0, 1, part)) === 'advanced'
  assert.ok(await foldParts(hold, 0, openMessage(message).batches, hold.fold, write))
  assert.ok(hold.part > 1, `${hold.part} parts`)
  assert.is(await hold.commit(1, 1), 'advanced')
  assert.is(hold.part, 0)
  assert.ok(most < 40_000, `${most} arguments`)
  restore()
  const memory = createMemoryState()
  foldMessage(memorySink(memory), message)
  memory.expire(soon)
  assert.is(await snapshotOf(redis, 'x'), memory.snapshot())
})

/** The fate of a commit: written, the collector dies before or after it, or its answer is lost. */
const fate = fc.constantFrom('written', 'written', 'dies before', 'dies after', 'answer lost')
const story = fc.record({
  messages: fc.array(
    fc.record({
      boot: fc.constantFrom('a', 'b'),
      count: fc.integer({ min: 1, max: 4_000 }),
      back: fc.integer({ min: 0, max: 900 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  fates: fc.array(fate, { maxLength: 12 }),
})

class Died extends Error {}

it('every event counts once, wherever a collector dies between the parts of a message', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  let run = 0
  await fc.assert(
    fc.asyncProperty(story, async ({ messages, fates }) => {
      const prefix = `p${run++}`
      const next: Record<string, number> = { a: 1, b: 1 }
      const log = messages.map(({ boot, count, back }) => {
        const seq = Math.max(1, next[boot]! - back)
        next[boot] = Math.max(next[boot]!, seq + count)
        return messageOf(boot, seq, count)
      })
      const left = [...fates]
      const commit = async (hold: Hold, offset: number, part: number): Promise<boolean> => {
        const happens = left.shift() ?? 'written'
        if (happens === 'dies before') throw new Died()
        if (happens === 'answer lost') {
          const restore = intercept(redis, async (run) => {
            await run()
            throw new Error('Connection is closed.')
          })
          await hold.commit(offset, log.length, part).catch(() => {})
          restore()
        }
        assert.is(await hold.commit(offset, log.length, part), 'advanced')
        if (happens === 'dies after') throw new Died()
        return true
      }
      const collect = async (): Promise<void> => {
        const hold = await takePartition({ redis, prefix, partition: 0 })
        for (let offset = hold.offset; offset < log.length; offset++) {
          const { batches } = openMessage(log[offset]!)
          await foldParts(hold, offset, batches, hold.fold, (part) => commit(hold, offset, part))
          await commit(hold, offset + 1, 0)
        }
      }
      for (;;) {
        try {
          await collect()
          break
        } catch (error) {
          if (!(error instanceof Died)) throw error
        }
      }
      const memory = createMemoryState()
      for (const message of log) foldMessage(memorySink(memory), message)
      memory.expire(soon)
      assert.is(await snapshotOf(redis, prefix), memory.snapshot())
    }),
    { numRuns: 25 },
  )
})

test.run()
