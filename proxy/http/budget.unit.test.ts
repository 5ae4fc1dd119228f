import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createBudget } from './budget.ts'

test('a budget refills steadily, and debt lasts at most a second', () => {
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

test('an idle hour saves at most one second of work', () => {
  let now = 0
  const budget = createBudget(300, () => now)
  now += 3_600_000
  budget.spend(301)
  assert.ok(budget.empty)
})

test('a budget also refills during the work that it pays for', () => {
  let now = 0
  const budget = createBudget(300, () => now)
  budget.spend(300)
  now += 1_000
  budget.spend(1_000)
  assert.ok(budget.empty)
})

test.run()
