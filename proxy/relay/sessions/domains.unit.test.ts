import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { nothing, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import { x25519, x25519MlKem768 } from '../../wire/client-hello.ts'
import { fullRecords } from '../../wire/records.ts'
import { parseServerAnswer } from '../../wire/server-answer.ts'
import { usualFlight } from '../../wire/server-hello.ts'
import type { Domains } from '../settings.ts'
import { domainNamed, domainSeen } from './domains.ts'

const at = (host: string) => ({ host, port: 443, family: 'ipv4' }) as const
const sized = (size: number) => ({
  ...usualFlight,
  hybrid: { group: x25519MlKem768, sizes: [size] },
  classic: { ...usualFlight.classic, sizes: [size] },
})
const domains: Domains = [
  { name: 'a.test', mask: at('198.51.100.1'), flight: sized(1_111), records: fullRecords },
  { name: 'b.test', mask: at('198.51.100.2'), flight: sized(2_222), records: fullRecords },
  { name: 'c.test', mask: null, flight: sized(3_333), records: fullRecords },
]
const unsigned = (domain: string) => clientHello({ secret: Buffer.alloc(16, 7), domain }).bytes

test('a hello is answered for its domain, and one without a name for the first', () => {
  for (const [asked, name] of [
    ['B.Test', 'b.test'],
    [null, 'a.test'],
    ['d.test', null],
  ] as const)
    assert.is(domainNamed(domains, asked)?.name ?? null, name)
  assert.is(domainSeen(domains, 'd.test').name, 'a.test')
})

test('a signed hello gets the flight of the domain that it names', () => {
  for (const { name, flight } of domains) {
    const proxy = relaying({ domains })
    const client = proxy.arrives()
    client.sends(clientHello({ secret, domain: name }).bytes)
    const answer = parseServerAnswer(Buffer.from(client.text, 'latin1'))
    assert.ok(typeof answer !== 'string')
    assert.equal(answer.records, flight.classic.sizes)
    proxy.relay.closeAll()
  }
})

test('the first hello of a class is passed on once for each domain, without the random that its client has signed', () => {
  const proxy = relaying({ domains })
  const passed: [string, string, Buffer][] = []
  proxy.relay.newHello = (...hello) => passed.push(hello)
  for (const domain of ['a.test', 'a.test', 'b.test', 'c.test'])
    proxy.arrives().sends(clientHello({ secret, domain }).bytes)
  assert.equal(
    passed.map(([domain]) => domain),
    ['a.test', 'b.test'],
  )
  const [[, kind, template]] = passed as [[string, string, Buffer]]
  assert.equal(template.subarray(11, 43), Buffer.alloc(32))
  proxy.relay.closeAll()
  const measured = { group: x25519, sizes: [777], cipherSuite: 0x1303, versionFirst: true, measuredAt: 1 }
  const flight = { ...usualFlight, classes: { [kind]: measured } }
  const known = relaying({ domains: [{ ...domains[0], flight }] })
  const client = known.arrives()
  client.sends(clientHello({ secret, domain: 'a.test' }).bytes)
  const answer = parseServerAnswer(Buffer.from(client.text, 'latin1'))
  assert.ok(typeof answer !== 'string')
  assert.equal([answer.records, answer.cipherSuite, answer.extensions], [[777], 0x1303, [0x2b, 0x33]])
  known.relay.closeAll()
})

test('a probe sees the site of the name that it asks for, and the first site for any other name', () => {
  for (const [name, host] of [
    ['a.test', '198.51.100.1'],
    ['b.test', '198.51.100.2'],
    ['d.test', '198.51.100.1'],
  ] as const) {
    const proxy = relaying({ domains })
    const client = proxy.arrives()
    client.sends(unsigned(name))
    assert.is(proxy.engine.dials[0]?.host, host, name)
    proxy.relay.closeAll()
  }
  const proxy = relaying({ domains })
  const client = proxy.arrives()
  client.sends(unsigned('c.test'))
  assert.equal([proxy.engine.dials.length, client.closed], [0, false], 'MASK_HOST=off for this name')
  client.finishes()
  assert.equal(proxy.left(), nothing)
})

test('a slow probe that met the first site before it named another one is handed to that one', () => {
  const proxy = relaying({ domains })
  const client = proxy.arrives()
  const hello = unsigned('b.test')
  client.sends(hello.subarray(0, 40))
  proxy.at(200)
  const first = proxy.engine.dials[0]!.connects()
  client.sends(hello.subarray(40))
  assert.ok(first.closed)
  const second = proxy.engine.dials[1]!
  assert.is(second.host, '198.51.100.2')
  const site = second.connects()
  assert.is(site.text, hello.toString('latin1'))
  client.breaks('reset')
  assert.equal(proxy.left(), nothing)
})

test('a host with PROXY protocol gets the client’s address before all bytes, also when it is dialed early', () => {
  const named: Domains = [{ ...domains[0], mask: { ...at('/run/site.sock'), proxyProtocol: true } }]
  const header = '0d0a0d0a000d0a515549540a2111000cc6336407c0000209c35001bb'
  for (const early of [false, true]) {
    const proxy = relaying({ domains: named })
    const client = proxy.arrives(Buffer.from([198, 51, 100, 7]))
    const hello = unsigned('a.test')
    if (early) {
      client.sends(hello.subarray(0, 40))
      proxy.at(200)
    } else client.sends(hello)
    const dial = proxy.engine.dials[0]!
    assert.is(dial.host, '/run/site.sock')
    const site = dial.connects()
    if (early) client.sends(hello.subarray(40))
    assert.is(Buffer.from(site.text, 'latin1').toString('hex'), header + hello.toString('hex'))
    proxy.relay.closeAll()
  }
})

test('a change of the table holds from the next hello on', () => {
  const proxy = relaying({ domains })
  proxy.relay.change({ domains: [{ ...domains[0], mask: at('198.51.100.9') }] })
  proxy.arrives().sends(unsigned('a.test'))
  assert.is(proxy.engine.dials[0]?.host, '198.51.100.9')
  proxy.relay.closeAll()
})

test.run()
