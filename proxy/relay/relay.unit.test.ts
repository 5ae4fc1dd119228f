import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../compose/test/kit/client/obfuscation.ts'
import type { HandLink } from '../../compose/test/kit/relay/hand-driven.ts'
import {
  domain,
  domainsWith,
  mask,
  nothing,
  relaying,
  secret,
} from '../../compose/test/kit/relay/hand-relay.ts'
import { maxHello, maxHelloOnWire } from '../wire/client-hello.ts'
import { prefixOf } from './prefix.ts'

const opening = (dc = 2): Buffer => initiate('padded-intermediate', dc, secret).bytes

type Proxy = ReturnType<typeof relaying>

/** Each phase of a connection, with its links. */
const phases: Record<string, (proxy: Proxy) => HandLink[]> = {
  'nothing has come': ({ arrives }) => [arrives()],
  'half a payload has come': ({ arrives }) => {
    const client = arrives()
    client.sends(opening().subarray(0, 30))
    return [client]
  },
  'a hello was answered': ({ arrives }) => {
    const client = arrives()
    client.sends(clientHello({ secret, domain }).bytes)
    assert.ok(client.text.length > 1_000)
    return [client]
  },
  'the datacenter is dialed': ({ arrives, engine }) => {
    const client = arrives()
    client.sends(opening())
    assert.is(engine.running.length, 1)
    // Its bytes wait in the kernel.
    assert.ok(client.paused)
    return [client]
  },
  'the datacenter has not answered': ({ arrives, engine }) => {
    const client = arrives()
    client.sends(opening())
    return [client, engine.dials.at(-1)!.connects()]
  },
  'bytes are relayed': ({ arrives, engine }) => {
    const client = arrives()
    client.sends(opening())
    const datacenter = engine.dials.at(-1)!.connects()
    client.sends('up')
    datacenter.sends('down')
    return [client, datacenter]
  },
  'the masking host is dialed': ({ arrives, engine }) => {
    const client = arrives()
    client.sends('GET / HTTP/1.1\r\n\r\n')
    assert.is(engine.running.length, 1)
    assert.ok(client.paused)
    return [client]
  },
  'an unauthenticated client is fronted': ({ arrives, engine }) => {
    const client = arrives()
    client.sends('GET / HTTP/1.1\r\n\r\n')
    const host = engine.dials.at(-1)!.connects()
    assert.is(host.text, 'GET / HTTP/1.1\r\n\r\n')
    return [client, host]
  },
}

for (const [phase, reach] of Object.entries(phases)) {
  for (const [what, happen] of [
    ['the client resets', (_: Proxy, [client]: HandLink[]) => client!.breaks('reset')],
    ['the kernel gives the client up', (_: Proxy, [client]: HandLink[]) => client!.breaks('timeout')],
    ['everything is drained', ({ relay }: Proxy) => relay.closeAll()],
  ] as const) {
    test(`when ${what} while ${phase}, nothing is left and one event reports it`, () => {
      const proxy = relaying()
      const links = reach(proxy)
      happen(proxy, links)
      assert.ok(links.every(({ closed }) => closed))
      assert.equal(proxy.engine.running, [])
      assert.equal(proxy.left(), nothing)
      proxy.at(1_000_000)
      proxy.relay.closeAll()
      assert.is(proxy.ends().length, 1)
    })
  }

  test(`a connection that goes silent while ${phase} is closed by time alone`, () => {
    const proxy = relaying()
    const links = reach(proxy)
    for (let ms = 0; ms < 700_000; ms += 1_000) proxy.at(ms)
    assert.ok(links.every(({ closed }) => closed))
    assert.equal(proxy.left(), nothing)
    assert.is(proxy.ends().length, 1)
  })

  test(`a client that has sent FIN while ${phase} is closed by time alone`, () => {
    const proxy = relaying()
    const links = reach(proxy)
    links[0]!.finishes()
    for (let ms = 0; ms < 700_000; ms += 1_000) proxy.at(ms)
    assert.ok(links.every(({ closed }) => closed))
    assert.equal(proxy.left(), nothing)
    assert.is(proxy.ends().length, 1)
  })
}

for (const phase of ['bytes are relayed', 'an unauthenticated client is fronted'] as const) {
  test(`${phase}: the client's last bytes reach a far end that ended first`, () => {
    const proxy = relaying()
    const [client, far] = phases[phase]!(proxy) as [HandLink, HandLink]
    far.finishes()
    assert.ok(client.finished && !client.closed)
    far.block()
    client.sends('the last words')
    assert.ok(client.paused)
    client.finishes()
    assert.ok(far.finished && !far.closed)
    far.unblock()
    assert.ok(far.closed && client.closed)
    assert.equal(proxy.left(), nothing)
  })

  test(`${phase}: the far end's last bytes reach a slow client`, () => {
    const proxy = relaying()
    const [client, far] = phases[phase]!(proxy) as [HandLink, HandLink]
    client.block()
    far.sends('the last words')
    assert.ok(far.paused)
    far.finishes()
    assert.ok(client.finished && !client.closed)
    client.finishes()
    assert.not(client.closed)
    client.unblock()
    assert.ok(far.closed && client.closed)
    assert.equal(proxy.left(), nothing)
  })
}

test('after a datacenter vanishes, a slow client gets the bytes that came before, and is closed then', () => {
  const proxy = relaying()
  const [client, datacenter] = phases['bytes are relayed']!(proxy) as [HandLink, HandLink]
  client.block()
  datacenter.sends('the last words')
  datacenter.breaks('reset')
  assert.ok(client.finished && !client.closed)
  client.unblock()
  assert.ok(client.closed)
  assert.equal(proxy.ends(), ['datacenter relaying reset'])
  assert.equal(proxy.left(), nothing)
})

test('with MASK_HOST=off an unauthenticated client is closed as soon as it has sent FIN', () => {
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'half a']) {
    const proxy = relaying({ domains: domainsWith(null) })
    const client = proxy.arrives()
    client.sends(bytes)
    client.finishes()
    assert.ok(client.closed)
    assert.is(client.text, '')
    assert.equal(proxy.ends(), ['client fronting not-mtproto'])
    assert.equal(proxy.left(), nothing)
  }
})

test('a client that fails after an answered hello gets one encrypted alert and the end, as from a site', () => {
  const [garbage, astray] = [Buffer.alloc(64, 9), opening(77)]
  for (const [wrong, reason] of [
    [Buffer.concat([Buffer.from('1503030002', 'hex'), garbage]), 'not-mtproto'],
    [Buffer.concat([Buffer.from('1703030040', 'hex'), garbage]), 'not-mtproto'],
    [Buffer.concat([Buffer.from('1703030040', 'hex'), astray]), 'unknown-dc'],
  ] as const) {
    const proxy = relaying()
    const [client] = phases['a hello was answered']!(proxy) as [HandLink]
    const before = client.text.length
    client.sends(wrong)
    const alert = Buffer.from(client.text.slice(before), 'latin1')
    assert.equal([alert.toString('hex', 0, 5), alert.length], ['1703030013', 24])
    assert.ok(client.closed && !client.wasReset)
    assert.equal(proxy.ends(), [`proxy hello ${reason}`])
    assert.equal(proxy.left(), nothing)
  }
})

test('an unreachable masking host shows as a reset', () => {
  const proxy = relaying()
  const [client] = phases['the masking host is dialed']!(proxy) as [HandLink]
  proxy.engine.running[0]!.fails('refused')
  assert.ok(client.wasReset)
  assert.equal(proxy.ends(), ['proxy fronting not-mtproto'])
  assert.equal(proxy.left(), nothing)
})

test('a quiet unauthenticated client is closed by the masking host, whose time-out is shorter than ours', () => {
  const proxy = relaying()
  const [client, host] = phases['an unauthenticated client is fronted']!(proxy) as [HandLink, HandLink]
  for (let ms = 1_000; ms <= 400_000; ms += 1_000) proxy.at(ms)
  assert.not(client.closed)
  host.finishes()
  assert.ok(client.finished && !client.closed)
  for (let ms = 401_000; ms <= 403_000; ms += 1_000) proxy.at(ms)
  assert.ok(client.closed && !client.wasReset)
  assert.equal(proxy.left(), nothing)
})

test('a replayed payload goes to the masking host whole, with the bytes after it', () => {
  const proxy = relaying()
  const payload = Buffer.concat([opening(), Buffer.from('and more')])
  proxy.arrives().sends(payload)
  proxy.engine.dials[0]!.connects()
  proxy.arrives().sends(payload)
  assert.is(proxy.engine.dials[1]!.host, mask.host)
  assert.is(proxy.engine.dials[1]!.connects().text, payload.toString('latin1'))
})

test('the proxy keeps no more than a hello of an unauthenticated client', () => {
  const proxy = relaying()
  const client = proxy.arrives()
  const endless = clientHello({ secret: Buffer.alloc(16), domain, postQuantum: true }).bytes
  endless.writeUInt16BE(maxHello, 3)
  endless.writeUIntBE(maxHello - 4, 6, 3)
  for (const byte of endless) client.sends(Buffer.from([byte]))
  for (let sent = endless.length; proxy.engine.dials.length === 0; sent++) {
    assert.ok(sent <= maxHelloOnWire, `${sent}`)
    client.sends('x')
  }
})

test('the oldest silent clients make room for the newest, and one event a second counts them', () => {
  const proxy = relaying({ maxConnections: 12 })
  const clients = Array.from({ length: 12 }, () => proxy.arrives())
  assert.equal(
    clients.map(({ closed }) => closed),
    clients.map((_, i) => i < 2),
  )
  proxy.at(1_500)
  assert.equal(
    proxy.events.flatMap((event) => (event.type === 'limit.refused' ? [event.limit, event.count] : [])),
    ['strangers', 2],
  )
})

test('an address appears in events as its network only', () => {
  assert.is(prefixOf(Buffer.from([203, 0, 113, 77])), '203.0.113.0/24')
  assert.is(prefixOf(Buffer.from('20010db80a0b0c0d0000000000001234', 'hex')), '2001:db8:a0b::/48')
  assert.is(prefixOf(Buffer.alloc(16)), '0:0:0::/48')
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ maxLength: 1 }),
      (ip, last) => {
        const other = Buffer.from(ip)
        other[3] = last[0] ?? 0
        assert.is(prefixOf(Buffer.from(ip)), prefixOf(other))
      },
    ),
  )
})

test('events name a client by its network and a keyed hash, never by its address', () => {
  const reported = (key: number) => {
    const proxy = relaying({ addressKey: Buffer.alloc(32, key) })
    phases['bytes are relayed']!(proxy)
    proxy.relay.closeAll()
    const text = JSON.stringify(proxy.events)
    assert.not.match(text, '192.0.2.7')
    const [first] = proxy.events
    return first?.type === 'connection.accepted' ? first.client : ''
  }
  assert.is(reported(1), reported(1))
  assert.is.not(reported(1), reported(2))
})

test.run()
