import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'

const minute = 60_000
const hour = 60 * minute

const calm = (host: ReturnType<typeof watched>, minutes: number): void =>
  host.pass(minutes, (at) => [probe(at, 40, 2), probe(at, 40, 4)])

for (const [name, ms] of [
  ['ten minutes ahead', 10 * minute],
  ['three hours ahead', 3 * hour],
  ['400 days ahead', 400 * 24 * hour],
  ['two hours back', -2 * hour],
] as const) {
  test(`a clock that is set ${name} raises nothing, and again when it is set right`, () => {
    const host = watched()
    calm(host, 5)
    host.step(ms)
    host.lag(Math.max(0, ms))
    host.pass(0.2, false)
    host.lag(0)
    calm(host, 3)
    host.step(-ms)
    host.pass(0.2, false)
    calm(host, 3)
    assert.equal(host.list(), [])
  })
}

test('a host that slept, and a process that stood still, raise nothing', () => {
  const host = watched()
  calm(host, 5)
  for (const ms of [10 * minute, 3 * hour]) {
    host.freeze(ms)
    host.lag(ms)
    host.pass(0.3, false)
    host.lag(0)
    // The network is not there yet.
    host.pass(0.5, (at) => [probe(at, 'timeout', 4)])
    calm(host, 5)
  }
  assert.equal(host.list(), [])
})

test('a clock that was hours ahead for 25 s does not hide a datacenter that goes down later', () => {
  const host = watched()
  calm(host, 5)
  host.step(3.5 * hour)
  calm(host, 0.5)
  host.step(-3.5 * hour)
  calm(host, 1)
  host.pass(1.2, (at) => [probe(at, 40, 2), probe(at, 'timeout', 4)])
  assert.equal(host.reported('datacenter-down'), ['+dc 4 ipv4'])
  calm(host, 5)
  assert.equal(host.reported('datacenter-down'), ['+dc 4 ipv4', '-dc 4 ipv4'])
})

test('an alert raised by a clock that was ahead clears with the fault, not when that time comes', () => {
  const host = watched()
  calm(host, 5)
  host.step(3.5 * hour)
  host.pass(2, (at) => [probe(at, 40, 2), probe(at, 'timeout', 4)])
  assert.equal(host.reported('datacenter-down'), ['+dc 4 ipv4'])
  host.step(-3.5 * hour)
  calm(host, 6)
  assert.equal(host.reported('datacenter-down'), ['+dc 4 ipv4', '-dc 4 ipv4'])
})

test('a node that falls silent after a step raises', () => {
  const host = watched()
  calm(host, 5)
  host.step(3 * hour)
  calm(host, 1)
  host.step(-3 * hour)
  calm(host, 1)
  host.pass(3, false)
  assert.equal(host.reported('node-silent'), ['+n1'])
})

test.run()
