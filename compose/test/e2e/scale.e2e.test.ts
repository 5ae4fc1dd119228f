import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failing, runScale } from '../../proofs/scale/run.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensureRedis } from '../services/redis.ts'

// A short form; `npm run scale` runs the whole.
const there = ensureKafka() !== null && ensureRedis() !== null
const it = skipUnless(test, there, 'Kafka or Redis is missing')

it('50 emitters, one and then two collectors: every event is counted once, and the state equals a rebuild', async () => {
  const outcome = await runScale({
    ...{ nodes: 50, users: 200, partitions: 4, rows: 1, minutes: 5, live: 1 },
    progress: () => {},
  })
  assert.is(failing(outcome), null)
  const { events, parts, live, metrics, status, memory } = outcome
  assert.ok(events.written > 10_000, `${events.written} events`)
  const written = [...parts.map((part) => part.written), live.written].reduce(
    (sum, one) => sum + one.events,
    0,
  )
  assert.is(events.written, written)
  // No figure is missing: a table of zeros would look like a fast machine.
  // So few events may be folded before the first look at a part.
  for (const figure of ['folded', 'commands', 'fromRedis'] as const)
    assert.ok(
      parts.some(({ folded }) => folded[figure] > 0),
      figure,
    )
  assert.ok(live.written.bytes > 0 && metrics.series > 50 && status.bytes > 10_000)
  assert.ok(memory.node > 0 && memory.user > 0 && memory.dc > 0 && memory.total > memory.node)
})

test.run()
