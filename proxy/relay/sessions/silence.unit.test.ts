import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { relayed, relaying } from '../../../compose/test/kit/relay/hand-relay.ts'

// Slow clients and silent ones.

test('a client that takes no byte is closed after CLIENT_ACK_TIMEOUT', () => {
  const proxy = relaying()
  const [client, datacenter] = relayed(proxy)
  client.block()
  datacenter.sends('down')
  for (let ms = 1_000; ms < 58_000; ms += 1_000) proxy.at(ms)
  assert.not(client.closed)
  for (let ms = 58_000; ms < 63_000; ms += 1_000) proxy.at(ms)
  assert.equal(proxy.ends(), ['client relaying timeout'])
})

test('where the kernel watches acknowledgements, a client may be slow as long as it acknowledges', () => {
  const proxy = relaying({}, null, true)
  const [client, datacenter] = relayed(proxy)
  client.block()
  datacenter.sends('down')
  for (let ms = 1_000; ms < 1_500_000; ms += 1_000) proxy.at(ms)
  assert.not(client.closed)
  client.breaks('timeout')
  assert.equal(proxy.ends(), ['client relaying timeout'])
})

test('an acknowledgement without an answer is not a stall, and a request sent again is one', () => {
  const quiet = relaying({ stallTimeoutMs: 20_000, idleTimeoutMs: 100_000 })
  const [acknowledging] = relayed(quiet)
  acknowledging.sends('an acknowledgement')
  for (let ms = 1_000; ms < 60_000; ms += 1_000) quiet.at(ms)
  assert.not(acknowledging.closed)
  acknowledging.breaks('reset')
  assert.equal(quiet.ends(), ['client relaying reset'])

  const asking = relaying({ stallTimeoutMs: 20_000, idleTimeoutMs: 100_000 })
  const [client] = relayed(asking)
  client.sends('a question')
  asking.at(3_000)
  client.sends('the same again')
  for (let ms = 4_000; ms < 30_000; ms += 1_000) asking.at(ms)
  assert.equal(asking.ends(), ['datacenter relaying stalled'])
})

test('an upload is not a stall while its bytes go up, and is one when its end stays unanswered', () => {
  const proxy = relaying({ stallTimeoutMs: 120_000 })
  const [client] = relayed(proxy)
  for (let ms = 1_000; ms <= 300_000; ms += 1_000) {
    proxy.at(ms)
    client.sends('a little more')
  }
  for (let ms = 301_000; ms < 419_000; ms += 1_000) proxy.at(ms)
  assert.not(client.closed)
  for (let ms = 419_000; ms < 423_000; ms += 1_000) proxy.at(ms)
  assert.equal(proxy.ends(), ['datacenter relaying stalled'])
})

test('a client lost during an upload does not count against the datacenter, and one that waited and left does', () => {
  for (const [error, leftAt, end] of [
    ['reset', 7_500, 'client relaying reset'],
    ['reset', 14_000, 'client relaying stalled'],
    ['timeout', 75_000, 'client relaying timeout'],
  ] as const) {
    const proxy = relaying({ stallTimeoutMs: 120_000 })
    const [client] = relayed(proxy)
    for (let ms = 1_000; ms <= 7_000; ms += 1_000) {
      proxy.at(ms)
      client.sends('a part of a file')
    }
    proxy.at(leftAt)
    client.breaks(error)
    assert.equal(proxy.ends(), [end])
  }
})

test.run()
