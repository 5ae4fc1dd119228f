import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { faults } from '../../proofs/faults/faults.ts'
import { failing, runFault } from '../../proofs/faults/run.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensureRedis } from '../services/redis.ts'

// A few faults; `npm run faults` runs all.
const there = ensureKafka() !== null && ensureRedis() !== null
const it = skipUnless(test, there, 'Kafka or Redis is missing')

for (const word of ['kill -9 Redis', 'kill -9 broker, Redis', 'a network black hole']) {
  const fault = faults.find(({ name }) => name.startsWith(word))!
  it(`${word}: no client dropped, no unexplained loss, nothing counted twice, state equal to a rebuild`, async () => {
    const outcome = await runFault(fault, { scale: 0.05, perSecond: 15 })
    assert.is(failing(outcome), null)
    assert.ok(outcome.connections > 50)
  })
}

test.run()
