import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { contestants } from './contestants.ts'
import { type Amounts, type Figure, figures, type Part } from './figures.ts'
import { live } from './life.ts'
import { report, spread } from './report.ts'

const little: Amounts = { bulkBytes: 32e6, handshakes: 100, establishments: 5, roundTrips: 20, idle: 50 }
const some: readonly Part[] = ['verify', 'handshakes', 'latency', 'bulk']
const named = (name: string) => contestants.find((contestant) => contestant.name === name)!
const elsewhere: readonly Figure[] = ['idleRss', 'idleCpu', 'startRss']

test('every contestant relays bytes unchanged and gets its figures', async () => {
  for (const name of ['tuned', 'no telemetry', 'pipe']) {
    const contestant = named(name)
    const measured = await live(contestant, little, some)
    const expected = (Object.keys(figures) as Figure[]).filter(
      (key) => !elsewhere.includes(key) && (contestant.proxy || /Dd|end/.test(key)),
    )
    for (const key of expected) {
      const value = measured[key] ?? -1
      assert.ok(value >= 0 && Number.isFinite(value), `${name}, ${key}: ${value}`)
    }
    const { downDdSpeed = 0, establishDdP50 = 0, establishDdP99 = 0, startRss = 0, endRss = 0 } = measured
    assert.is(startRss > 0, name === 'tuned')
    assert.ok(startRss < endRss, `${name}: ${startRss} and ${endRss} MB`)
    assert.ok(downDdSpeed > 1 && downDdSpeed < 100_000, `${name}: ${downDdSpeed} MB/s`)
    assert.ok(establishDdP50 > 0 && establishDdP50 <= establishDdP99)
  }
})

test('a program that starts with another engine is refused', async () => {
  try {
    await live({ ...named('pipe'), readyLine: /engine=native/ }, little, [])
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /does not match/)
  }
})

test('a spread has median, least and most', () => {
  assert.equal(spread([3, 1, 2]), { median: 2, least: 1, most: 3 })
  assert.equal(spread([4, 1, 2, 3]), { median: 2.5, least: 1, most: 4 })
})

test('the report judges the median of the tuned proxy', () => {
  const lives = [0.5, 0.7, 2].map((downDd) => ({ downDd, downEe: downDd * 2 }))
  const lines = report(new Map([['tuned', lives]]), 3, 'x', 'Measured now.').split('\n')
  assert.ok(lines.includes('| download, dd, CPU s/GB | 0.70 (0.50–2.00) | 0.9 | pass |'))
  assert.ok(lines.includes('| download, ee, CPU s/GB | 1.40 (1.00–4.00) | 1.2 | FAIL |'))
})

test.run()
