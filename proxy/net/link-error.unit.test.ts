import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { linkErrorOf } from './link-error.ts'

test('errors of a peer or a network differ from errors that only our code can cause', () => {
  assert.equal(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENETUNREACH'].map(linkErrorOf), [
    'reset',
    'reset',
    'timeout',
    'timeout',
  ])
  assert.equal(['EBADF', 'ENOMEM', 'EPERM'].map(linkErrorOf), [null, null, null])
  assert.equal(['ENETDOWN', 'ERR_STREAM_DESTROYED', 'constructor', ''].map(linkErrorOf), [
    'other',
    'other',
    'other',
    'other',
  ])
})

test.run()
