import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emitter, noon, sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { createMemoryState } from '../fold/state.ts'
import { buildStatus } from './status-builder.ts'

test('a late event of a node, and a new node, change a tick that was read before', () => {
  const state = createMemoryState()
  const [a, b] = [emitter(state, 'a'), emitter(state, 'b')]
  const old = noon - 300_000
  const ofOld = () => {
    const { series } = buildStatus(state, { version: '1', alerts: [], lagMs: 0, now: noon })
    const at = series.at.indexOf(old)
    return [series.open[at], series.accepted[at]]
  }
  a(sampled(old, { openConnections: 10 }))
  assert.equal(ofOld(), [10, 0])
  a(...session({ at: old }))
  assert.equal(ofOld(), [10, 0.1])
  b(sampled(old, { openConnections: 30 }))
  assert.equal(ofOld(), [40, 0.1])
  assert.equal(ofOld(), [40, 0.1])
})

test.run()
