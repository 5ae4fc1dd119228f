import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { examples } from '../../proxy/events/examples.ts'
import { datingOf } from '../fold/dating.ts'
import { replayRefill } from './refill.ts'

const now = examples['handshake.accepted'].at

test('handshakes of the window go back to Redis, up to a limit', () => {
  const keys: string[] = []
  const lines: string[] = []
  const redis = { set: async (key: string) => void keys.push(key) }
  const refill = replayRefill(
    { redis: redis as never, prefix: 'm', windowMs: 60_000, logger: (_level, name) => lines.push(name) },
    100,
  )
  const handshakes = (count: number, at: number) =>
    Array.from({ length: count }, (_, number) => ({
      ...examples['handshake.accepted'],
      at,
      digest: number.toString(16).padStart(32, '0'),
    }))
  refill([examples['connection.closed'], ...handshakes(60, now), ...handshakes(5, now - 60_000)], now)
  assert.is(keys.length, 60)
  refill(handshakes(60, now), now + 1_000)
  refill(handshakes(60, now), now + 2_000)
  assert.is(keys.length, 100)
  assert.equal(lines, ['replay-refill-full'])
  refill(handshakes(60, now + 60_000), now + 60_000)
  assert.is(keys.length, 160)
})

test('a handshake from a clock that is ahead or behind goes back for the rest of its window', () => {
  const left: unknown[] = []
  const redis = { set: async (...args: unknown[]) => void left.push(args[3]) }
  const refill = replayRefill({ redis: redis as never, prefix: 'm', windowMs: 60_000, logger: () => {} })
  for (const off of [400 * 86_400_000, -7_200_000]) {
    refill([{ ...examples['handshake.accepted'], at: now + off }], now + 1_000, datingOf(now, now + off))
  }
  refill([{ ...examples['handshake.accepted'], at: now + 86_400_000 }], now)
  assert.equal(left, [59_000, 59_000, 60_000])
})

test.run()
