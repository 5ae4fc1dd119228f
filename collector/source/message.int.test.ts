import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis } from '../../compose/test/services/redis.ts'
import { examples } from '../../proxy/events/examples.ts'
import { connectRedis } from '../../proxy/redis/connect.ts'
import { datingOf } from '../fold/dating.ts'
import { openMessage } from '../fold/message.ts'
import { takePartition } from '../state/redis-hold.ts'
import { foldParts } from './parts.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    ...[1e300, -1e300, 2 ** 53, -(2 ** 53), 2 ** 63, 8.64e15, -1, 0.1, 1e-300, null, true, '', '__proto__'],
    ...['\u0000', '\ud800', 'a/b|c:d}{', 'x'.repeat(2_000), [], {}, [[]]],
  ),
  fc.anything({ maxDepth: 2 }),
)

const anyEvent = fc
  .tuple(fc.constantFrom(...Object.values(examples)), fc.nat(), fc.option(strange))
  .map(([event, at, value]) => {
    const names = Object.keys(event)
    return value === null ? event : { ...event, [names[at % names.length]!]: value }
  })

const anyMessage = fc.record({
  node: fc.oneof(fc.constant('n'), fc.constantFrom('\ud800', '\u0000', 'a/b', '__proto__', '}{')),
  boot: fc.oneof(fc.constant('b'), fc.constantFrom('', '/', 'constructor')),
  seq: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(2 ** 53 - 1, 2 ** 40)),
  events: fc.array(anyEvent, { minLength: 1, maxLength: 8 }),
})

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one)) ?? ''
  } catch {
    return ''
  }
}

it('any message is folded or kept aside, and Redis accepts the next commit', async () => {
  await using server = await startRedis()
  const redis = connectRedis({ urls: [server.url], prefix: 'x' }, 'test', () => {})
  await new Promise((resolve) => redis.once('ready', resolve))
  const hold = await takePartition({ redis, prefix: 'x', partition: 0 })
  const time = fc.constantFrom(Date.now(), 0, 8.64e15, -8.64e15, Number.NaN)
  await fc.assert(
    fc.asyncProperty(anyMessage, time, time, async (message, received, sent) => {
      const at = received >= 0 ? received : 0 // as records.ts does
      const { batches } = openMessage({ value: Buffer.from(jsonOf(message)) })
      const fold = (batch: (typeof batches)[number]): void => void hold.fold(batch, datingOf(at, sent))
      await foldParts(hold, hold.offset, batches, fold, () => Promise.resolve(true))
      hold.count('dead-letters/message', at)
      assert.is(await hold.commit(hold.offset + 1, hold.offset + 1), 'advanced')
    }),
    { numRuns: 1_500 },
  )
  redis.disconnect()
})

test.run()
