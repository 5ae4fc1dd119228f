import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import type { HandLink } from '../../../compose/test/kit/relay/hand-driven.ts'
import {
  domain,
  domainsWith,
  mask,
  nothing,
  relaying,
  secret,
} from '../../../compose/test/kit/relay/hand-relay.ts'
import { KEPT_AT_MOST } from '../capacity.ts'
import type { RelaySettings } from '../settings.ts'

const http = 'GET / HTTP/1.1\r\n\r\n'
const most = 8

/** A proxy with eight places, and its clients. */
const small = (changed: Partial<RelaySettings> = {}) => {
  const proxy = relaying({ maxConnections: most, maxHandshakes: most, ...changed })
  const comes = (states: Buffer | string): HandLink => {
    const client = proxy.arrives()
    if (!client.closed) client.sends(states)
    return client
  }
  return {
    ...proxy,
    unauthenticatedClient: () => comes(http),
    user: () => comes(initiate('padded-intermediate', 2, secret).bytes),
    rejections: () =>
      proxy.events.flatMap((event) =>
        event.type === 'handshake.rejected' ? [`${event.reason} ${event.fronted}`] : [],
      ),
    refused: () =>
      proxy.events.flatMap((event) => (event.type === 'limit.refused' ? [event.limit, event.count] : [])),
  }
}

for (const [where, settings] of [
  ['the masking host', { domains: domainsWith(mask) }],
  ['silence', { domains: domainsWith(null) }],
] as const) {
  test(`unauthenticated clients before ${where} beyond half of the places are closed and counted, and users get in`, () => {
    const proxy = small(settings)
    const unauthenticated = Array.from({ length: 20 }, proxy.unauthenticatedClient)
    assert.equal(
      unauthenticated.map(({ closed }) => closed),
      unauthenticated.map((_, i) => i >= most / 2),
    )
    assert.ok(proxy.ends().every((end) => end === 'proxy hello limit') && proxy.ends().length === 16)
    assert.is(
      proxy.rejections().filter((reported) => reported === 'not-mtproto true').length,
      settings.domains[0].mask ? 4 : 0,
    )
    proxy.at(2_000)
    assert.equal(proxy.refused(), ['strangers', 16])
    const users = Array.from({ length: most / 2 }, proxy.user)
    assert.ok(users.every(({ closed }) => !closed))
    assert.ok(proxy.user().closed, 'now it is full')
    unauthenticated[0]!.breaks('reset')
    assert.not(proxy.unauthenticatedClient().closed)
    proxy.relay.closeAll()
    assert.equal(proxy.left(), nothing)
  })

  test(`silent sockets before ${where} leave half of the places when their handshake times out`, () => {
    const proxy = small(settings)
    const silent = Array.from({ length: most }, proxy.arrives)
    proxy.at(61_000)
    assert.is(silent.filter(({ closed }) => closed).length, most / 2)
    assert.not(proxy.user().closed)
  })
}

test('the bytes kept for all clients that are not relayed are bounded, and a client beyond is closed', () => {
  const proxy = relaying()
  const megabyte = 1_048_576
  const clients = Array.from({ length: 40 }, () => {
    const client = proxy.arrives()
    client.sends(Buffer.alloc(megabyte, 0x99))
    return client
  })
  assert.equal(
    clients.map(({ closed }) => closed),
    clients.map((_, i) => i >= KEPT_AT_MOST / megabyte),
  )
  // The host takes the bytes of one client: there is room for another.
  proxy.engine.running[0]!.connects()
  const next = proxy.arrives()
  next.sends(Buffer.alloc(megabyte, 0x99))
  assert.not(next.closed)
  proxy.relay.closeAll()
  assert.equal(proxy.left(), nothing)
})

test('a masking host that leads back here takes half of the places at most', () => {
  const { arrives, engine, relay, left } = small()
  arrives().sends(http)
  // Each dial of the masking host arrives here as an unauthenticated client.
  for (let i = 0; i < engine.dials.length; i++) {
    const again = arrives()
    assert.not(again.closed)
    again.sends(engine.dials[i]!.connects().text)
    assert.ok(i < most)
  }
  assert.is(engine.dials.length, most / 2)
  assert.is(relay.unauthenticated.size, most / 2)
  relay.closeAll()
  assert.equal(left(), nothing)
})

test('whatever clients send and however they leave, unauthenticated ones have half at most, and every place comes back', () => {
  const states = fc.constantFrom<readonly (Buffer | string)[]>(
    [],
    [http],
    ['x'.repeat(70), 'y'],
    [clientHello({ secret: Buffer.alloc(16), domain }).bytes],
    [clientHello({ secret, domain }).bytes],
    [clientHello({ secret, domain }).bytes, http],
    // The same bytes twice: the second one is a replay.
    [initiate('padded-intermediate', 2, secret).bytes],
    [initiate('padded-intermediate', 77, secret).bytes],
  )
  const does = fc.oneof(
    fc.record({ comes: states }),
    fc.record({ which: fc.nat(), ends: fc.constantFrom('fin', 'reset', 'timeout') }),
    fc.record({ dial: fc.nat(), answer: fc.constantFrom('connects', 'fin', 'reset', 'fails') }),
    fc.record({ wait: fc.integer({ min: 500, max: 130_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(does, { maxLength: 40 }), fc.boolean(), (steps, masked) => {
      const proxy = small({ domains: domainsWith(masked ? mask : null) })
      const clients: HandLink[] = []
      let ms = 0
      for (const step of steps) {
        if ('comes' in step) {
          const client = proxy.arrives()
          clients.push(client)
          for (const printed of step.comes) if (!client.closed) client.sends(printed)
        } else if ('which' in step) {
          const client = clients[step.which % (clients.length || 1)]
          if (!client || client.closed) continue
          if (step.ends === 'fin') client.finishes()
          else client.breaks(step.ends as 'reset' | 'timeout')
        } else if ('dial' in step) {
          const dial = proxy.engine.running[step.dial % (proxy.engine.running.length || 1)]
          if (step.answer === 'fails') dial?.fails('refused')
          else {
            const far = dial?.connects()
            if (step.answer === 'fin') far?.finishes()
            if (step.answer === 'reset') far?.breaks('reset')
          }
        } else {
          ms += step.wait
          proxy.at(ms)
        }
        const [connections, handshakes, unauthenticated] = new Int32Array(proxy.relay.settings.capacity)
        assert.equal(
          [connections, handshakes, unauthenticated],
          [proxy.relay.sessions.size, proxy.relay.handshakes.size, proxy.relay.unauthenticated.size],
        )
        assert.ok(unauthenticated! <= most / 2)
        // An unauthenticated client has one of those places, or is gone.
        for (const session of proxy.relay.sessions)
          assert.is(session.phase === 'fronting', proxy.relay.unauthenticated.has(session))
      }
      proxy.relay.closeAll()
      assert.equal(proxy.left().slice(0, 3), [0, 0, 0])
      assert.ok(new Int32Array(proxy.relay.settings.capacity).every((count) => count === 0))
    }),
  )
})

test.run()
