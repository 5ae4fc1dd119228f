import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CloseReason, Phase, Side } from '../../../proxy/events/contract.ts'
import { testDatacenters } from '../../../proxy/wire/datacenter-number.ts'
import { close, dialError, limit, loss, testDatacenters as ours, place, side } from './words.ts'

test('a close is a sentence: side, event, phase', () => {
  const titles = (
    [
      ['client', 'relaying', 'reset'],
      ['datacenter', 'dial', 'timeout'],
      ['proxy', 'hello', 'timeout'],
      ['client', 'waiting', 'stalled'],
    ] as const
  ).map(([by, phase, reason]) => close(by, phase, reason).title)
  assert.equal(titles, [
    'Client cut the connection (reset) while relaying',
    'Datacenter did not answer during the dial',
    'Proxy gave up waiting during the handshake',
    'Client stopped waiting for an answer before the first answer',
  ])
})

test('the close of a fronted client names the reason of the fronting and the masking host', () => {
  assert.equal(close('datacenter', 'fronting', 'timeout'), {
    title: 'Client fronted to the masking host: timeout',
    advice: 'The masking host closed.',
  })
  assert.is(
    close('datacenter', 'fronting', 'reset').title,
    'Masking host cut the connection (reset) while fronting',
  )
  assert.equal(
    [side('datacenter', 'fronting'), side('client', 'fronting'), side('datacenter', 'relaying')],
    ['masking host', 'client', 'datacenter'],
  )
})

test('a reason that this page does not know is shown as it is', () => {
  const unknown = close('proxy' as Side, 'relaying' as Phase, 'eclipse' as CloseReason)
  assert.is(unknown.title, 'Proxy ended it (eclipse) while relaying')
  assert.is(unknown.advice, '')
  assert.equal([dialError('sunspot'), limit('sunspot'), loss('sunspot')], ['sunspot', 'sunspot', 'sunspot'])
})

test('test datacenters are marked', () => {
  assert.equal([place(2), place(10_002), place(77)], ['Amsterdam', 'test 2', ''])
  assert.is(ours, testDatacenters)
})

test.run()
