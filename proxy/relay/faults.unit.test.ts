import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../events/contract.ts'
import { faultCounter } from './faults.ts'

test('each fault is counted, and few of their stacks are logged', () => {
  const events: ProxyEvent[] = []
  const lines: string[] = []
  const faults = faultCounter(
    'worker-0',
    (event) => events.push(event),
    (line) => lines.push(line),
  )
  faults.pulse(0)
  for (let i = 0; i < 9; i++) faults.report(new Error('injected'))
  faults.pulse(1)
  faults.report('no error')
  faults.pulse(500)
  faults.pulse(1_001)
  faults.pulse(9_001)
  assert.equal(
    lines.map((line) => line.split('\n', 1)[0]),
    [
      'Error: injected',
      '2 times, last: Error: injected',
      '4 times, last: Error: injected',
      '8 times, last: Error: injected',
    ],
  )
  assert.match(lines[0]!, /faults\.unit\.test\.ts/)
  assert.equal(
    events.map((event) => event.type === 'process.faulted' && `${event.thread} ${event.count}`),
    ['worker-0 9', 'worker-0 1'],
  )
})

test.run()
