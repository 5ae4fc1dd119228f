import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../../compose/test/services/ports.ts'
import { dialErrorOf } from './dial-error.ts'

test('a closed port is "refused"', async () => {
  const [port = 0] = await freePorts(1)
  const [error] = await once(connect(port, '127.0.0.1'), 'error').catch((error) => [error])
  assert.is(dialErrorOf(error.code), 'refused')
})

test('unknown codes are "other", inherited property names too', () => {
  assert.is(dialErrorOf('EWHATEVER'), 'other')
  assert.is(dialErrorOf('constructor'), 'other')
  assert.is(dialErrorOf(undefined), 'other')
})

test('a missing route, a lost peer and a full descriptor table are different classes', () => {
  assert.equal(['ENETUNREACH', 'ECONNRESET', 'EMFILE', 'ETIMEDOUT'].map(dialErrorOf), [
    'unreachable',
    'reset',
    'no-descriptors',
    'timeout',
  ])
})

test.run()
