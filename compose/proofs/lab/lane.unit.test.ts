import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FULL, type Link, LOST, lane, seeded } from './lane.ts'
import { latenesses } from './lateness.ts'
import { netemWords } from './shape.ts'

const plain: Link = { delayMs: 20, jitterMs: 0, mbit: 12, loss: 0, burst: 1, bufferMs: 3 }

test('a packet leaves after its own time on the link and the delay, and waits for those before it', () => {
  const admit = lane(plain, seeded(1))
  assert.equal(
    [admit(0, 1500), admit(0, 1500), admit(5, 1500)].map((at) => Math.round(at * 1000) / 1000),
    [21, 22, 26],
  )
})

test('a full buffer drops what comes, and takes packets again when it has room', () => {
  const admit = lane(plain, seeded(1))
  const at = Array.from({ length: 6 }, () => admit(0, 1500))
  assert.equal(at, [21, 22, 23, 24, FULL, FULL])
  assert.is(admit(1, 1500), 25)
})

test('jitter spreads packets around the delay and keeps their order', () => {
  const admit = lane({ ...plain, mbit: 1e6, jitterMs: 10 }, seeded(7))
  const delays = Array.from({ length: 2_000 }, (_, i) => admit(i * 50, 1500) - i * 50)
  const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length
  assert.ok(Math.abs(mean - 20) < 0.5, `${mean}`)
  assert.ok(Math.min(...delays) >= 10 && Math.max(...delays) <= 30.1)
  const close = lane({ ...plain, mbit: 1e6, jitterMs: 10 }, seeded(7))
  const times = Array.from({ length: 2_000 }, (_, i) => close(i, 1500))
  assert.ok(times.every((time, i) => i === 0 || time >= times[i - 1]!))
})

for (const [loss, burst] of [
  [0.01, 1],
  [0.03, 3],
] as const) {
  test(`${loss * 100} % in bursts of ${burst} is lost within 5 %`, () => {
    const admit = lane({ ...plain, mbit: 1e6, loss, burst }, seeded(3))
    const count = 2_000_000
    let [lost, bursts] = [0, 0]
    for (let i = 0, before = 0; i < count; i++) {
      const at = admit(i, 1500)
      if (at === LOST) lost++
      if (at === LOST && before !== LOST) bursts++
      before = at
    }
    assert.ok(Math.abs(lost / count / loss - 1) < 0.05, `${lost / count}`)
    const mean = burst > 1 ? burst : 1 / (1 - loss)
    assert.ok(Math.abs(lost / bursts / mean - 1) < 0.05, `${lost / bursts}`)
  })
}

test('lateness has its median, p99 and most', () => {
  const late = latenesses()
  for (let i = 1; i <= 100; i++) late.add(i / 10)
  const { p50, p99, most } = late.read()
  assert.ok(Math.abs(p50 - 5) < 0.05 && Math.abs(p99 - 9.9) < 0.05 && most === 10, `${p50} ${p99} ${most}`)
})

test('netem gets the same numbers', () => {
  assert.is(
    netemWords('lab0', { ...plain, jitterMs: 5, loss: 0.03, burst: 3 }).join(' '),
    'tc qdisc add dev lab0 root netem limit 28 delay 20ms 5ms loss gemodel 1.030928% 33.333333% rate 12mbit',
  )
})

test.run()
