import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rejections } from './sets.ts'
import { isSignedRefusal, limitReasons } from './signed-refusal.ts'

test('a rejected signed hello is expected only for a replay, a blocked network, a wrong clock, an unanswered claim, a time-out or a limit of the user', () => {
  const counted = Object.keys(rejections).filter((reason) =>
    isSignedRefusal({ reason: reason as keyof typeof rejections, user: 'ann', skewSeconds: 0 }),
  )
  for (const expected of ['replayed', 'blocked', 'clock-skew', 'unclaimed', 'timeout', ...limitReasons]) {
    assert.not(counted.includes(expected), expected)
  }
  assert.is(counted.length, Object.keys(rejections).length - 5 - limitReasons.length)
  assert.ok(isSignedRefusal({ reason: 'unknown-sni', user: 'ann', ja4: 'other' }), 'one of a summary')
  assert.not(isSignedRefusal({ reason: 'unknown-dc', user: 'ann' }), 'a payload, not a hello')
  assert.not(isSignedRefusal({ reason: 'malformed-hello', ja4: 'other' }), 'of no user')
})

test.run()
