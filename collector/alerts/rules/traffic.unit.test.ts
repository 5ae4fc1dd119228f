import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { session } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'

const sessions = (at: number, n: number, drops: number, dc = 2, reason: 'reset' | 'stalled' = 'reset') =>
  Array.from({ length: n }, (_, i) =>
    session({ at, dc, ...(i < drops ? { by: 'datacenter', reason } : {}) }),
  ).flat()

test('drops far above the usual raise for their datacenter, and clear when they are over', () => {
  const host = watched()
  host.pass(40, (at) => sessions(at, 4, 0))
  assert.equal(host.reported('connection-drops'), [])
  host.pass(6, (at) => sessions(at, 4, 3))
  assert.equal(host.reported('connection-drops').sort(), ['+dc 2'])
  const { summary, value, baseline } = host.last('connection-drops')!
  assert.match(summary, /to DC 2 .*mostly datacenter\/relaying\/reset/)
  assert.match(summary, /between this host and Telegram/)
  assert.ok(value >= 25 && baseline === 0)
  host.pass(10, (at) => sessions(at, 4, 0))
  assert.equal(host.reported('connection-drops').slice(1), ['-dc 2'])
})

test('drops to several datacenters raise an alert of all of them, too', () => {
  const host = watched()
  const both = (drops: number) => (at: number) => [...sessions(at, 4, drops, 2), ...sessions(at, 4, drops, 4)]
  host.pass(40, both(0))
  host.pass(6, both(3))
  assert.equal(host.reported('connection-drops').sort(), ['+all datacenters', '+dc 2', '+dc 4'])
  host.pass(10, both(0))
  assert.is(host.reported('connection-drops').length, 6)
})

test('one datacenter of two drops: the other stays quiet', () => {
  const host = watched()
  host.pass(40, (at) => [...sessions(at, 8, 0, 2), ...sessions(at, 1, 0, 4)])
  host.pass(6, (at) => [...sessions(at, 8, 0, 2), ...sessions(at, 1, 1, 4)])
  assert.equal(host.reported('connection-drops'), ['+dc 4'])
})

test('a share that is usual here raises nothing, however high it is', () => {
  const host = watched()
  host.pass(45, (at) => sessions(at, 10, 2))
  host.pass(10, (at) => sessions(at, 10, 4))
  assert.equal(host.reported('connection-drops'), [])
  host.pass(5, (at) => sessions(at, 10, 9))
  assert.equal(host.reported('connection-drops').sort(), ['+dc 2'])
})

test('a few drops among few connections raise nothing', () => {
  const host = watched()
  host.pass(40)
  host.emit(...sessions(host.now, 9, 9))
  host.pass(10)
  assert.equal(host.reported('connection-drops'), [])
})

test('a share between the two limits neither raises nor clears', () => {
  const host = watched()
  host.pass(40, (at) => sessions(at, 10, 2))
  assert.equal(host.reported('connection-drops'), [])
  const other = watched()
  other.pass(40, (at) => sessions(at, 10, 0))
  other.pass(6, (at) => sessions(at, 10, 8))
  other.pass(20, (at) => sessions(at, 10, 2))
  assert.equal(other.reported('connection-drops').sort(), ['+dc 2'])
})

test('a fault that lasts does not become the usual while its alert is active', () => {
  const host = watched()
  host.pass(40, (at) => sessions(at, 4, 0))
  host.pass(180, (at) => sessions(at, 4, 2))
  assert.equal(host.reported('connection-drops').sort(), ['+dc 2'])
})

test('drops are over when no client connects any more', () => {
  const host = watched()
  host.pass(40, (at) => sessions(at, 4, 0))
  host.pass(6, (at) => sessions(at, 4, 4))
  host.pass(10)
  assert.equal(host.reported('connection-drops').length, 2)
})

test('connections that send and get no answer raise a stall of their datacenter, and it clears', () => {
  const host = watched()
  host.pass(40, (at) => sessions(at, 4, 0))
  host.pass(5, (at) => sessions(at, 4, 1, 2, 'stalled'))
  assert.equal(host.reported('stalled-sessions'), ['+dc 2'])
  assert.match(host.last('stalled-sessions')!.summary, /DC 2 .* got no answer/)
  host.pass(15, (at) => sessions(at, 4, 0))
  assert.equal(host.reported('stalled-sessions'), ['+dc 2', '-dc 2'])
})

test('four stalls are too few', () => {
  const host = watched()
  host.emit(...sessions(host.now, 8, 4, 2, 'stalled'))
  host.pass(5)
  assert.equal(host.reported('stalled-sessions'), [])
})

test.run()
