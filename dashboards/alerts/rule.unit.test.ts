import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { duration } from './rule.ts'

test('a duration has the largest unit that divides it', () => {
  assert.equal([86_400_000, 5_400_000, 600_000, 30_000, 1_500].map(duration), [
    '1d',
    '90m',
    '10m',
    '30s',
    '1500ms',
  ])
})

test.run()
