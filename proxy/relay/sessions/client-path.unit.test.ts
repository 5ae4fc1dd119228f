import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { relayed, relaying } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { ProxyEvent } from '../../events/contract.ts'

const path = { rttMs: 83.21045, segments: 400, retransmits: 6, deliveryRate: 250_000, notSent: 0 }

const fields = (events: readonly ProxyEvent[], type: 'connection.progress' | 'connection.closed') =>
  events.flatMap((event) =>
    event.type === type
      ? [[event.clientRttMs, event.clientSegments, event.clientRetransmits, event.clientDeliveryRate]]
      : [],
  )

const nothing = [undefined, undefined, undefined, undefined]

test('progress and close have the measurements of the client’s network', () => {
  const proxy = relaying()
  const [client] = relayed(proxy)
  client.measure(path)
  for (let ms = 1_000; ms <= 11_000; ms += 1_000) proxy.at(ms)
  client.measure({ ...path, segments: 500, deliveryRate: 0 })
  client.finishes()
  proxy.at(80_000)
  assert.equal(fields(proxy.events, 'connection.progress'), [[83.21, 400, 6, 250_000]])
  assert.equal(fields(proxy.events, 'connection.closed'), [[83.21, 500, 6, undefined]])
})

test('a client that was reset has its last measurement', () => {
  const proxy = relaying()
  const [client] = relayed(proxy)
  client.measure(path)
  for (let ms = 1_000; ms <= 11_000; ms += 1_000) proxy.at(ms)
  client.breaks('reset')
  assert.equal(fields(proxy.events, 'connection.closed'), [[83.21, 400, 6, 250_000]])
})

test('a short connection is measured at its close if it moved 64 KiB', () => {
  for (const [bytes, expected] of [
    [65_000, nothing],
    [70_000, [83.21, 400, 6, 250_000]],
  ] as const) {
    const proxy = relaying()
    const [client, datacenter] = relayed(proxy)
    client.measure(path)
    datacenter.sends(Buffer.alloc(bytes))
    datacenter.finishes()
    client.finishes()
    assert.equal(fields(proxy.events, 'connection.closed'), [expected])
  }
})

test('what an engine cannot measure is absent', () => {
  const proxy = relaying()
  const [client] = relayed(proxy)
  for (let ms = 1_000; ms <= 11_000; ms += 1_000) proxy.at(ms)
  client.breaks('reset')
  assert.equal(fields(proxy.events, 'connection.progress'), [nothing])
  assert.equal(fields(proxy.events, 'connection.closed'), [nothing])
})

/** The limit of a blocked client with these unsent bytes in the kernel. */
const limitOf = (notSent: number, deliveryRate: number, setting = 131_072): number => {
  const proxy = relaying({ notSentBytes: setting })
  const [client, datacenter] = relayed(proxy)
  client.measure({ ...path, notSent, deliveryRate })
  client.block()
  datacenter.sends('down')
  for (let ms = 1_000; ms <= 3_000; ms += 1_000) proxy.at(ms)
  return client.notSentLimit
}

test('unsent bytes are limited for a client that needs more than 250 ms for them', () => {
  assert.is(limitOf(1_000_000, 2_500_000), 131_072)
  assert.is(limitOf(1_000_000, 0), 131_072)
  assert.is(limitOf(1_000_000, 12_500_000), 0)
  assert.is(limitOf(100_000, 10_000), 0)
  assert.is(limitOf(1_000_000, 2_500_000, 0), 0)
})

test.run()
