import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sampled } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'
import { mostEmitters } from '../../fold/emitters.ts'
import { fold } from '../../fold/fold.ts'

type Host = ReturnType<typeof watched>
/** Its own ten-second samples next to the calm ones: two a tick, so that a mean is of both. */
const busy = (host: Host, minutes: number, of: Parameters<typeof sampled>[1]) =>
  host.pass(minutes, (at) => Array.from({ length: 20 }, () => sampled(at, of)))

test('a slow event loop raises with the thread that is worst, holds between the limits, clears', () => {
  const host = watched()
  busy(host, 2, { delayP99Ms: 400 })
  assert.equal(host.reported('event-loop'), ['+n1'])
  assert.match(host.last('event-loop')!.summary, /worker-0|thread/)
  busy(host, 3, { delayP99Ms: 150 })
  assert.is(host.reported('event-loop').length, 1)
  busy(host, 3, { delayP99Ms: 20 })
  assert.equal(host.reported('event-loop'), ['+n1', '-n1'])
})

test('one slow turn raises nothing', () => {
  const host = watched()
  host.pass(5)
  host.emit(sampled(host.now, { delayP99Ms: 900 }))
  host.pass(5)
  assert.equal(host.reported('event-loop'), [])
})

test('a host whose CPU is full raises with the process that uses it, and clears', () => {
  const host = watched()
  busy(host, 4, { hostCpu: 0.99 })
  assert.equal(host.reported('host-cpu'), ['+n1'])
  assert.match(host.last('host-cpu')!.summary, /this proxy uses 20 %.*Something else/)
  busy(host, 4, { hostCpu: 0.86 })
  assert.is(host.reported('host-cpu').length, 1)
  host.pass(5)
  assert.equal(host.reported('host-cpu'), ['+n1', '-n1'])
})

test('a CPU that is full from the start is judged when the window is full, and the summary gives the time observed', () => {
  const host = watched()
  busy(host, 2.5, { hostCpu: 0.99 })
  assert.equal(host.reported('host-cpu'), [])
  busy(host, 0.5, { hostCpu: 0.99 })
  assert.equal(host.reported('host-cpu'), ['+n1'])
  assert.match(host.last('host-cpu')!.summary, /over 3 min/)
  const young = watched()
  busy(young, 0.5, { delayP99Ms: 900 })
  assert.equal(young.reported('event-loop'), [])
  young.emit({ v: 1, type: 'events.lost', at: young.now, reason: 'worker-queue', count: 7 })
  young.pass(0.2)
  assert.match(young.last('events-lost')!.summary, /in the last \d\d s \(usually none\):/)
})

test('however much a factor shortens its window, a host whose CPU is full raises and clears', () => {
  const host = watched(0.1)
  busy(host, 2, { hostCpu: 0.99 })
  assert.equal(host.reported('host-cpu'), ['+n1'])
  host.pass(2)
  assert.equal(host.reported('host-cpu'), ['+n1', '-n1'])
})

test('file descriptors raise at 85 %, hold above 75 %, clear below', () => {
  const host = watched()
  const use = (openFds: number) => {
    host.emit(sampled(host.now + 1, { openFds }))
    // Only the latest sample counts, so no other sample may follow.
    host.pass(0.5, false)
  }
  use(840)
  assert.equal(host.reported('file-descriptors'), [])
  use(860)
  assert.equal(host.reported('file-descriptors'), ['+n1'])
  host.pass(0.5, false)
  use(760)
  assert.is(host.reported('file-descriptors').length, 1)
  host.pass(1)
  assert.equal(host.reported('file-descriptors'), ['+n1', '-n1'])
})

test('a node that falls silent raises after a minute, since its last event, and clears when it emits again', () => {
  const host = watched()
  host.pass(3)
  const last = host.now
  host.pass(1, false)
  assert.equal(host.reported('node-silent'), [])
  host.pass(1, false)
  assert.equal(host.reported('node-silent'), ['+n1'])
  assert.is(host.last('node-silent')!.since, last)
  host.pass(2)
  assert.equal(host.reported('node-silent'), ['+n1', '-n1'])
})

test('a node that has stopped is not silent', () => {
  const host = watched()
  host.pass(3)
  host.emit({ v: 1, type: 'process.stopped', at: host.now, reason: 'SIGTERM' })
  host.pass(10, false)
  assert.equal(host.reported('node-silent'), [])
})

test('a restart is not silence: the new boot emits for the node', () => {
  const host = watched()
  host.pass(3)
  const at = host.now + 30_000
  fold(host.state, {
    node: 'n1',
    boot: 'b2',
    seq: 1,
    events: [{ v: 1, type: 'process.started', at, version: '1', settings: {} }],
  })
  host.pass(1, false)
  assert.equal(host.reported('node-silent'), [])
})

test('one error of our own code raises for its node, and clears ten minutes later', () => {
  const host = watched()
  host.emit({ v: 1, type: 'process.faulted', at: host.now, thread: 'worker-0', count: 1 })
  host.pass(1)
  assert.equal(host.reported('internal-error'), ['+n1'])
  assert.match(host.last('internal-error')!.summary, /^The code of node n1 failed 1 times? /)
  host.pass(11)
  assert.equal(host.reported('internal-error'), ['+n1', '-n1'])
})

test('a relay thread that died raises for its node, and clears ten minutes later', () => {
  const host = watched()
  host.emit({ v: 1, type: 'thread.died', at: host.now, worker: 1, reason: 'exited', connections: 3 })
  host.pass(1)
  assert.equal(host.reported('thread-died'), ['+n1'])
  assert.match(host.last('thread-died')!.summary, /^1 relay thread of node n1 died in the last /)
  host.pass(11)
  assert.equal(host.reported('thread-died'), ['+n1', '-n1'])
})

test('lost events raise, whether reported or found missing, and clear ten minutes later', () => {
  const host = watched()
  host.emit({ v: 1, type: 'events.lost', at: host.now, reason: 'worker-queue', count: 7 })
  host.pass(1)
  assert.equal(host.reported('events-lost'), ['+all nodes'])
  assert.is(host.last('events-lost')!.value, 7)
  host.pass(11)
  assert.equal(host.reported('events-lost'), ['+all nodes', '-all nodes'])
  fold(host.state, { node: 'n1', boot: 'b1', seq: 10_000, events: [sampled(host.now)] })
  host.pass(0.5, false)
  assert.equal(host.reported('events-lost'), ['+all nodes', '-all nodes', '+all nodes'])
})

test('events of nodes without a place raise, and clear ten minutes after the last one', () => {
  const host = watched()
  host.pass(1)
  const events = [{ v: 1, type: 'process.stopped', at: host.now, reason: 'SIGTERM' }] as const
  for (let number = 0; number < mostEmitters + 10; number++) {
    fold(host.state, { node: `made-up-${number}`, boot: 'b', seq: 1, events })
  }
  host.pass(1)
  assert.equal(host.reported('names-refused'), ['+fleet'])
  assert.match(
    host.last('names-refused')!.summary,
    /^1\d events of new nodes were left out in the last 10 min/,
  )
  host.pass(11)
  assert.equal(host.reported('names-refused'), ['+fleet', '-fleet'])
})

test('a collector that lags raises at 30 s, holds, and clears when it has caught up', () => {
  const host = watched()
  host.lag(29_000)
  host.pass(1)
  assert.equal(host.reported('collector-lag'), [])
  host.lag(31_000)
  host.pass(1)
  host.lag(6000)
  host.pass(3)
  assert.equal(host.reported('collector-lag'), ['+collector'])
  host.lag(100)
  host.pass(1)
  assert.equal(host.reported('collector-lag'), ['+collector', '-collector'])
})

test('a calm host raises nothing at all', () => {
  const host = watched()
  host.pass(120)
  assert.equal(host.list(), [])
})

test.run()
