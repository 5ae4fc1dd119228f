import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rejected } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'

test('a user whose quota is used up raises an alert of its own, which clears when it is refused no more', () => {
  const host = watched()
  host.emit(rejected(host.now, 'quota', { user: 'ann' }), rejected(host.now, 'expired', { user: 'bob' }))
  host.pass(2)
  assert.equal(host.reported('quota-reached'), ['+ann'])
  assert.match(
    host.last('quota-reached')!.summary,
    /^The quota of user ann is used up: 1 connections were refused/,
  )
  host.pass(12)
  assert.equal(host.reported('quota-reached'), ['+ann', '-ann'])
})

test.run()
