import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { patientClock } from './patient-clock.ts'

const hour = 3_600_000
const day = 24 * hour
const noon = Date.UTC(2026, 10, 23, 12)

/** A host whose clock can be set; `pass` reads the clock every ten seconds. */
const host = (known?: number, wall = noon) => {
  let steady = 5_000
  const clock = patientClock(
    () => wall,
    () => steady,
    known,
  )
  return {
    clock,
    step: (ms: number): void => {
      wall += ms
    },
    pass: (ms: number): void => {
      for (const end = steady + ms; steady < end; ) {
        steady += 10_000
        wall += 10_000
        clock()
      }
    },
  }
}

test('the clock follows one that runs evenly, drift included', () => {
  const { clock, pass, step } = host()
  assert.is(clock(), noon)
  for (let hours = 1; hours <= 10; hours++) {
    pass(hour)
    step(4_000)
    assert.ok(Math.abs(clock() - noon - hours * (hour + 4_000)) < 15_000)
  }
})

test('the clock follows a jump ahead after an hour, and not at all when it is corrected before', () => {
  const { clock, pass, step } = host()
  step(400 * day)
  pass(15_000)
  assert.ok(clock() <= noon + 30_000)
  step(-400 * day)
  pass(2 * hour)
  assert.ok(Math.abs(clock() - noon - 2 * hour) < 60_000)
  step(3 * hour)
  pass(hour - 60_000)
  assert.ok(clock() < noon + 3.1 * hour)
  pass(120_000)
  assert.ok(clock() >= noon + 5.9 * hour)
})

test('the clock follows a jump back immediately: less is old then', () => {
  const { clock, step } = host()
  step(-2 * hour)
  assert.is(clock(), noon - 2 * hour)
})

test('a start with a clock ahead of everything recorded is a jump, too', () => {
  const { clock, pass } = host(noon, noon + 400 * day)
  assert.is(clock(), noon)
  pass(2 * hour)
  assert.is(clock(), noon + 400 * day + 2 * hour)
  assert.is(host(noon + 400 * day).clock(), noon)
})

test.run()
