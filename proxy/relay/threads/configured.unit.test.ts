import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../../compose/test/kit/kafka/test-config.ts'
import { encodeEvents } from '../../events/codec.ts'
import { examples } from '../../events/examples.ts'
import { eventBudgetOf } from './configured.ts'

const day = 86_400
const usual = {
  kafka: null,
  logMaxBytes: 256 * 2 ** 20,
  logMaxAgeMs: 35 * day * 1_000,
  unauthenticatedEvents: 1,
  workers: 2,
}

/** Size of the events of one rejected connection, bytes. */
const written = encodeEvents([
  examples['connection.accepted'],
  examples['handshake.rejected'],
  { ...examples['connection.closed'], phase: 'fronting' },
]).length

test('a flood as long as LOG_MAX_AGE fills a quarter of the log at most, whatever the settings are', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
      fc.integer({ min: 60, max: 3_660 * day }),
      fc.double({ min: 0, max: 1_000, noNaN: true }),
      fc.integer({ min: 1, max: 64 }),
      (logMaxBytes, seconds, unauthenticatedEvents, workers) => {
        const logMaxAgeMs = seconds * 1_000
        const of = { ...usual, logMaxBytes, logMaxAgeMs, unauthenticatedEvents, workers }
        const { burst, perSecond } = eventBudgetOf(of)
        assert.ok(burst >= 0 && perSecond >= 0)
        assert.ok(workers * (burst + perSecond * seconds) * written <= logMaxBytes / 4)
      },
    ),
  )
})

test('with Kafka the setting is used unchanged, and 0 logs no connection one by one', () => {
  const kafka = testConfig(['127.0.0.1:9092'])
  assert.equal(eventBudgetOf({ ...usual, kafka }), { perSecond: 0.5, burst: 1_800 })
  assert.equal(eventBudgetOf({ ...usual, unauthenticatedEvents: 0 }), { perSecond: 0, burst: 0 })
})

test.run()
