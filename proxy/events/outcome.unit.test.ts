import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { answerTimeOf, failedMs, isDrop, slowMs } from './outcome.ts'

test('a drop is a close after the handshake that is not orderly', () => {
  assert.ok(isDrop('dial', 'refused'))
  assert.ok(isDrop('waiting', 'stalled'))
  assert.ok(isDrop('relaying', 'reset'))
  for (const reason of ['done', 'idle', 'drain', 'limit'] as const)
    assert.not(isDrop('relaying', reason), reason)
  for (const phase of ['hello', 'fronting'] as const) assert.not(isDrop(phase, 'reset'), phase)
})

test('an answer is in time up to 2 s, slow up to 8 s, and failed after that', () => {
  assert.equal([0, slowMs].map(answerTimeOf), ['2s', '2s'])
  assert.equal([slowMs + 1, failedMs].map(answerTimeOf), ['8s', '8s'])
  assert.is(answerTimeOf(failedMs + 1), 'later')
})

test.run()
