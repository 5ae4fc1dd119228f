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

test('a user store with a problem raises after a minute, clears when it has none, and a short one does not', () => {
  const host = watched()
  const read = (problem?: 'key' | 'kafka'): void =>
    host.emit({ v: 1, type: 'users.read', at: host.now, users: 2, ...(problem && { problem }) })
  host.emit({ v: 1, type: 'process.started', at: host.now, version: '1.0.0', settings: {} })
  read('kafka')
  host.step(1)
  read()
  host.pass(3)
  assert.equal(host.reported('users-unreadable'), [])
  read('key')
  host.pass(3)
  assert.equal(host.reported('users-unreadable'), ['+n1'])
  assert.match(host.last('users-unreadable')!.summary, /another USERS_KEY: give each node the same one/)
  read()
  host.pass(12)
  assert.equal(host.reported('users-unreadable'), ['+n1', '-n1'])
})

test.run()
