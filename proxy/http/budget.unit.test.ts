import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createBudget } from './budget.ts'

test('what is spent comes back steadily, and no debt lasts longer than a second', () => {
  let now = 5_000
  const budget = createBudget(300, () => now)
  assert.not.ok(budget.empty)
  budget.spend(299)
  assert.not.ok(budget.empty)
  budget.spend(1)
  assert.ok(budget.empty)
  now += 10
  assert.not.ok(budget.empty)
  budget.spend(60_000)
  now += 999
  assert.ok(budget.empty)
  now += 2
  assert.not.ok(budget.empty)
})

test('time without requests saves up no more than one second’s work', () => {
  let now = 0
  const budget = createBudget(300, () => now)
  now += 3_600_000
  budget.spend(301)
  assert.ok(budget.empty)
})

test('the time that was spent while it was spent refills, too', () => {
  let now = 0
  const budget = createBudget(300, () => now)
  budget.spend(300)
  now += 1_000
  budget.spend(1_000)
  assert.ok(budget.empty)
})

test.run()
