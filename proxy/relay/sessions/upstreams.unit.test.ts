import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { Upstream } from '../../datacenter/upstream.ts'
import type { UpstreamState } from '../../datacenter/upstreams.ts'

const state = (upstream: Upstream): UpstreamState => ({ upstream, down: false, places: new Map() })
const socks: Upstream = {
  kind: 'socks5',
  name: 'socks5-1',
  weight: null,
  servers: ['198.51.100.9'],
  port: 1080,
  login: null,
}
const direct: Upstream = { kind: 'direct', name: 'direct', weight: null }
const hello = () => initiate('padded-intermediate', 2, secret).bytes
const greeting = '\x05\x00'
const granted = '\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00'

test('the upstream that a connection takes is in its event, and its bytes pass both ways', () => {
  const { arrives, engine, events } = relaying({ upstreams: [state(socks)] })
  const client = arrives()
  client.sends(hello())
  const server = engine.running[0]!.connects()
  server.sends(greeting)
  const handshake = server.text.length
  server.sends(granted)
  client.sends('0123456789abcdef')
  assert.ok(server.text.length >= handshake + 64 + 16)
  server.sends('an answer')
  assert.is(client.text, 'an answer')
  const dialed = events.find(({ type }) => type === 'datacenter.dialed')
  assert.ok(dialed?.type === 'datacenter.dialed')
  assert.equal([dialed.upstream, dialed.address, dialed.pooled], ['socks5-1', '192.0.2.1:443', false])
})

test('without an upstream that works, a client is closed as proxy, dial, upstream, and no datacenter is blamed', () => {
  const { arrives, engine, events, ends } = relaying({ upstreams: [state(socks)] })
  arrives().sends(hello())
  engine.running[0]!.fails('refused')
  assert.equal(ends(), ['proxy dial upstream'])
  assert.not.ok(events.some(({ type }) => type === 'datacenter.dial-failed'))
  const failed = events.find(({ type }) => type === 'upstream.failed')
  assert.ok(failed?.type === 'upstream.failed')
  assert.equal([failed.upstream, failed.error, typeof failed.connection], ['socks5-1', 'refused', 'string'])
})

test('a client whose dial fails on one upstream is served by the next one', () => {
  const { arrives, engine, events, ends } = relaying({ upstreams: [state(socks), state(direct)] })
  const client = arrives()
  client.sends(hello())
  engine.running[0]!.fails('refused')
  engine.running[0]!.connects().sends('an answer')
  assert.equal([client.text, ends()], ['an answer', []])
  const dialed = events.find(({ type }) => type === 'datacenter.dialed')
  assert.is(dialed?.type === 'datacenter.dialed' && dialed.upstream, 'direct')
})

test('the masking host is dialed from this host, whatever the upstreams are', () => {
  const { arrives, engine } = relaying({ upstreams: [state(socks)] })
  arrives().sends('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.padEnd(80, 'x'))
  assert.equal(
    engine.running.map(({ host }) => host),
    ['198.51.100.1'],
  )
})

test('a probe that finds an upstream down moves new clients, and with UPSTREAMS=direct no event has an upstream', () => {
  const { arrives, engine, relay } = relaying({ upstreams: [state(socks), state(direct)] })
  relay.change({ upstreams: [{ ...state(socks), down: true }, state(direct)] })
  arrives().sends(hello())
  assert.equal(
    engine.running.map(({ host }) => host),
    ['192.0.2.1'],
  )
  const plain = relaying()
  plain.arrives().sends(hello())
  plain.engine.running[0]!.connects()
  assert.not.ok(plain.events.some((event) => 'upstream' in event))
})

test.run()
