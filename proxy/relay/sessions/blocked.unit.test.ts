import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import { type Network, readNetwork } from '../../networks/network.ts'
import { networkMemory } from '../../networks/network-set.ts'

const blocked = Buffer.from([203, 0, 113, 9])
const access = { block: networkMemory([readNetwork('203.0.113.0/24') as Network]), allow: null }

const reasons = (proxy: ReturnType<typeof relaying>): string[] =>
  proxy.events.flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))

test('a blocked client with a valid secret sees the masking host, another client is relayed', () => {
  for (const from of [blocked, Buffer.from([203, 0, 114, 9])]) {
    const proxy = relaying({ access })
    proxy.arrives(from).sends(initiate('padded-intermediate', 2, secret).bytes)
    const isBlocked = from === blocked
    assert.equal(reasons(proxy), isBlocked ? ['blocked'] : [])
    assert.is(proxy.engine.dials.length, 1)
  }
})

test('with BLOCKED_CLIENTS=close a blocked client is closed at accept and counted', () => {
  const proxy = relaying({ access, blockedClients: 'close' })
  const client = proxy.arrives(blocked)
  assert.ok(client.closed)
  assert.equal(reasons(proxy), ['blocked'])
  assert.equal(proxy.ends(), ['proxy hello blocked'])
  assert.is(proxy.engine.dials.length, 0)
})

test('a change of the lists holds for the next client', () => {
  const proxy = relaying()
  proxy.relay.change({ access })
  proxy.arrives(blocked).sends('x'.repeat(5_000))
  assert.equal(reasons(proxy), ['blocked'])
})

test.run()
