import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CloseReason, Phase, Side } from '../../../proxy/events/contract.ts'
import { testDatacenters } from '../../../proxy/wire/datacenter-number.ts'
import { close, dialError, limit, loss, testDatacenters as ours, place, side } from './words.ts'

test('a close is a sentence: who, what, when', () => {
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
    'Client gave up on an answer before the first byte came down',
  ])
})

test('what became of a stranger names why it was one, and whose the far end was', () => {
  assert.equal(close('datacenter', 'fronting', 'timeout'), {
    title: 'Stranger shown the masking host: timeout',
    advice: 'The masking host closed.',
  })
  assert.is(
    close('datacenter', 'fronting', 'reset').title,
    'Masking host cut the connection (reset) while the site was shown',
  )
  assert.equal(
    [side('datacenter', 'fronting'), side('client', 'fronting'), side('datacenter', 'relaying')],
    ['masking host', 'client', 'datacenter'],
  )
})

test('a reason that this page is too old to know is shown as it is', () => {
  const unheard = close('proxy' as Side, 'relaying' as Phase, 'eclipse' as CloseReason)
  assert.is(unheard.title, 'Proxy ended it (eclipse) while relaying')
  assert.is(unheard.advice, '')
  assert.equal([dialError('sunspot'), limit('sunspot'), loss('sunspot')], ['sunspot', 'sunspot', 'sunspot'])
})

test('test datacenters are named as such', () => {
  assert.equal([place(2), place(10_002), place(77)], ['Amsterdam', 'test 2', ''])
  assert.is(ours, testDatacenters)
})

test.run()
