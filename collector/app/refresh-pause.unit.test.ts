import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pauseAfter } from './refresh-pause.ts'

test('a refresh takes a fifth of the time at most, until the pause is the longest', () => {
  assert.equal([0, 100, 250, 500, 60_000].map(pauseAfter), [1_000, 1_000, 1_000, 2_000, 3_000])
})

test.run()
