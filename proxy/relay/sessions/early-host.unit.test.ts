import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import type { HandLink } from '../../../compose/test/kit/relay/hand-driven.ts'
import { domain, mask, nothing, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { RelaySettings } from '../settings.ts'

// A slow client is connected to the masking host before it is accepted or rejected.

const opening = (): Buffer => initiate('padded-intermediate', 2, secret).bytes
const hello = (of = secret): Buffer => clientHello({ secret: of, domain, postQuantum: true }).bytes

/** A client that has sent `bytes` and waits, and its early masking host. */
const waiting = (bytes: Buffer | string = '', changed: Partial<RelaySettings> = {}) => {
  const proxy = relaying({ maxHandshakes: 100, ...changed })
  const client = proxy.arrives()
  if (bytes.length > 0) client.sends(bytes)
  proxy.at(150)
  const [dial] = proxy.engine.dials
  assert.is(dial?.host, mask.host)
  const reasons = () =>
    proxy.events.flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))
  return { ...proxy, client, dial: dial!, reasons }
}

/** Bytes that need more bytes for a decision. */
const unfinished: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  'three bytes of TLS': hello().subarray(0, 3),
  'half a hello': hello().subarray(0, 700),
}

for (const [what, bytes] of Object.entries(unfinished)) {
  test(`a client that has sent ${what} sees at the same moment what the host does`, () => {
    for (const act of ['fin', 'reset', 'alert'] as const) {
      const { dial, client, reasons, relay, left } = waiting(bytes)
      const host = dial.connects()
      assert.is(host.text, bytes.toString('latin1'))
      assert.equal(reasons(), [])
      if (act === 'fin') host.finishes()
      else if (act === 'reset') host.breaks('reset')
      else host.sends('alert')
      assert.equal(
        [client.text, client.finished, client.wasReset],
        [act === 'alert' ? 'alert' : '', act === 'fin', act === 'reset'],
      )
      assert.equal(reasons(), ['timeout'])
      if (!client.closed) {
        client.sends('more')
        assert.is(host.text, `${bytes.toString('latin1')}more`)
      }
      relay.closeAll()
      assert.equal(left(), nothing)
    }
  })
}

test('after part of a payload, the host’s reaction waits until the client is rejected', () => {
  for (const act of ['fin', 'reset'] as const) {
    const { dial, client, reasons, at } = waiting('\x99junk')
    const host = dial.connects()
    host.sends('alert')
    if (act === 'fin') host.finishes()
    else host.breaks('reset')
    assert.equal([client.text, client.finished, client.closed], ['', false, false])
    at(2_950)
    assert.equal(reasons(), [])
    at(3_100)
    assert.equal([client.text, client.finished, client.wasReset], ['alert', act === 'fin', act === 'reset'])
    assert.equal(reasons(), ['timeout'])
  }
})

test('with MODES=tls the proxy waits for nothing but a hello', () => {
  for (const bytes of ['x', '\x15\x03\x01', '\x80\x2e\x01\x00\x02', 'GE', '\x16\x04']) {
    const proxy = relaying({ modes: ['tls'] })
    proxy.arrives().sends(bytes)
    assert.is(proxy.engine.dials[0]!.connects().text, bytes)
  }
  const { dial, client, reasons } = waiting('\x16', { modes: ['tls'] })
  dial.connects().finishes()
  assert.ok(client.finished)
  assert.equal(reasons(), ['timeout'])
})

for (const [what, whole] of [
  ['payload', opening],
  ['hello', hello],
] as const) {
  test(`a user's client that sends its ${what} late or in pieces is served, and the host is closed`, () => {
    for (const acts of [false, true])
      for (const cut of [0, 1, 30]) {
        const bytes = whole()
        const { dial, client, engine, events, left, relay } = waiting(bytes.subarray(0, cut))
        const host = dial.connects()
        // The host answers garbage, but not an incomplete hello.
        if (acts && cut > 0 && what === 'payload') host.sends('alert')
        client.sends(bytes.subarray(cut))
        assert.ok(host.closed)
        assert.is(host.text, bytes.toString('latin1', 0, cut))
        if (what === 'hello') assert.ok(client.text.startsWith('\x16\x03\x03'))
        else {
          assert.is(client.text, '')
          assert.is(engine.dials.length, 2)
        }
        assert.ok(events.every(({ type }) => type !== 'handshake.rejected'))
        relay.closeAll()
        assert.equal(left(), nothing)
      }
  })
}

test('a user’s hello that is completed during the dial of the host is answered, and the dial is cancelled', () => {
  const bytes = hello()
  const { dial, client } = waiting(bytes.subarray(0, 300))
  client.sends(bytes.subarray(300))
  assert.ok(client.text.startsWith('\x16\x03\x03'))
  assert.ok(dial.cancelled)
})

test('an ordinary client costs the masking host nothing', () => {
  const { arrives, at, engine } = relaying()
  arrives().sends(hello())
  arrives().sends(opening())
  const gone = arrives()
  gone.breaks('reset')
  at(1_000)
  assert.ok(engine.dials.every(({ host }) => host !== mask.host))
})

test('every byte reaches the host once and in order, whenever the host connects', () => {
  const bytes = hello(Buffer.alloc(16))
  fc.assert(
    fc.property(
      fc.array(fc.nat(bytes.length), { maxLength: 6 }),
      fc.nat(6),
      fc.boolean(),
      (cuts, connectsAt, long) => {
        const { arrives, at, engine } = relaying({ maxHandshakes: 100 })
        const client = arrives()
        const all = long ? Buffer.concat([bytes, Buffer.alloc(5_000, 7)]) : bytes
        let host: HandLink | undefined
        let from = 0
        // A client that is not read keeps what it sends, as its kernel does.
        const kept: Buffer[] = []
        const connects = (): void => {
          host ??= engine.running[0]?.connects()
          for (const piece of kept.splice(0)) client.sends(piece)
        }
        for (const [i, to] of [...cuts.sort((a, b) => a - b), all.length].entries()) {
          if (i === connectsAt) {
            at(150)
            connects()
          }
          if (to > from && client.paused) kept.push(all.subarray(from, to))
          else if (to > from) client.sends(all.subarray(from, to))
          from = Math.max(from, to)
        }
        connects()
        assert.is(host?.text, all.toString('latin1'))
        client.sends('behind')
        assert.is(host?.text, `${all.toString('latin1')}behind`)
      },
    ),
  )
})

test('the number of silent clients with an early host is bounded, per address and in all, and 0 in a flood', () => {
  const { arrives, at, engine, relay, left } = relaying({ maxHandshakes: 64, maxConnections: 1_000 })
  for (let i = 0; i < 10; i++) arrives(Buffer.from([198, 18, 1, i]))
  at(150)
  assert.is(engine.dials.length, 4)
  for (let i = 0; i < 20; i++) arrives(Buffer.from([198, 18, 2 + i, 1]))
  at(300)
  assert.is(engine.dials.length, 16)
  relay.closeAll()
  assert.is(engine.running.length, 0)
  for (let i = 0; i < 60; i++) arrives(Buffer.from([198, 18, i, 1]))
  at(450)
  assert.is(engine.dials.length, 16)
  relay.closeAll()
  assert.equal(left(), nothing)
})

test('a host that is unreachable early is dialed again when the client is rejected', () => {
  const { dial, client, at, engine, ends } = waiting(hello().subarray(0, 200))
  dial.fails('refused')
  assert.not(client.closed)
  at(3_200)
  assert.is(engine.dials.length, 2)
  engine.running[0]!.fails('refused')
  assert.ok(client.wasReset)
  assert.equal(ends(), ['proxy fronting timeout'])
})

test('a reset of the host reaches a slow client after the bytes that came before it', () => {
  const { arrives, engine, left } = relaying()
  const client = arrives()
  client.sends('GET / HTTP/1.1\r\n\r\n')
  const host = engine.dials[0]!.connects()
  client.block()
  host.sends('half a page')
  host.breaks('reset')
  assert.not(client.closed)
  client.unblock()
  assert.ok(client.wasReset)
  assert.equal(left(), nothing)
})

test.run()
