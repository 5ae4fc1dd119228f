import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Lift, lift } from './upcast.ts'

// An event that was shipped in three versions: v2 renamed a field and changed its unit, v3 added a field.
const chain: readonly Lift[] = [
  ({ seconds, ...rest }) => ({ ...rest, elapsedMs: Number(seconds) * 1000 }),
  (old) => ({ ...old, pooled: false }),
]
const newest = { v: 3, type: 'a.dialed', at: 7, elapsedMs: 1500, pooled: false }

test('an old version is lifted step by step to the newest', () => {
  assert.equal(lift(chain, { v: 1, type: 'a.dialed', at: 7, seconds: 1.5 }), newest)
  assert.equal(lift(chain, { v: 2, type: 'a.dialed', at: 7, elapsedMs: 1500 }), newest)
})

test('the newest version stays unchanged', () => {
  const event = { ...newest }
  assert.is(lift(chain, event), event)
})

test('an unknown version is null', () => {
  for (const v of [0, -1, 4, 1.5, Number.NaN]) assert.is(lift(chain, { ...newest, v }), null)
})

test.run()
