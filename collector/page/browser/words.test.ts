import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CloseReason, Phase, Side } from '../../../proxy/events/contract.ts'
import { close, dialError, limit, loss, place } from './words.ts'

test('a close is a sentence: who, what, when', () => {
  assert.is(close('client', 'relaying', 'reset').title, 'Client cut the connection (reset) while relaying')
  assert.is(close('proxy', 'dial', 'timeout').title, 'Proxy gave up waiting while the datacenter was dialed')
  assert.match(close('proxy', 'fronting', 'replayed').advice, 'recorded a client')
})

test('a reason that this page is too old to know is shown as it is', () => {
  const unheard = close('proxy' as Side, 'relaying' as Phase, 'eclipse' as CloseReason)
  assert.is(unheard.title, 'Proxy ended it while relaying: eclipse')
  assert.is(unheard.advice, '')
  assert.equal([dialError('sunspot'), limit('sunspot'), loss('sunspot')], ['sunspot', 'sunspot', 'sunspot'])
})

test('test datacenters are named as such', () => {
  assert.equal([place(2), place(10_002), place(77)], ['Amsterdam', 'test 2', ''])
})

test.run()
