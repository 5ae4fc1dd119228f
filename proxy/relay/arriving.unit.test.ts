import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initiate } from '../../compose/test/kit/client/obfuscation.ts'
import { domainsWith, mask, relaying, secret } from '../../compose/test/kit/relay/hand-relay.ts'
import { runs } from '../../compose/test/kit/runs.ts'
import { countsMemory } from '../user-limits/counts.ts'

const balancer = Buffer.from([10, 0, 0, 1])
const listener = { name: 'web', modes: null, domains: null, proxyProtocolFrom: ['10.0.0.0/8'], places: [] }
const behind = () => relaying({ listeners: [listener] })

const v1 = (client: string): Buffer => Buffer.from(`PROXY TCP4 ${client} 192.0.2.1 1234 443\r\n`)
const local = Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), Buffer.from([0x20, 0, 0, 0])])
const payload = (): Buffer => initiate('padded-intermediate', 2, secret).bytes

const accepted = ({ events }: ReturnType<typeof behind>) =>
  events.flatMap((event) => (event.type === 'connection.accepted' ? [event] : []))
const refused = ({ events }: ReturnType<typeof behind>) =>
  events.flatMap((event) =>
    event.type === 'header.refused' ? [`${event.listener} ${event.reason} ${event.count}`] : [],
  )

test('the client of the header counts, however the wire splits header and handshake', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(120), { maxLength: 8 }), (cuts) => {
      const proxy = behind()
      const client = proxy.arrives(balancer)
      const all = Buffer.concat([v1('203.0.113.7'), payload()])
      const edges = [0, ...cuts.filter((cut) => cut < all.length), all.length].sort((a, b) => a - b)
      for (let i = 1; i < edges.length; i++)
        if (edges[i]! > edges[i - 1]!) client.sends(all.subarray(edges[i - 1], edges[i]))
      const [only, ...others] = accepted(proxy)
      assert.equal(others, [])
      assert.is(only?.prefix, '203.0.113.0/24')
      assert.is(only?.family, 'ipv4')
      assert.is(only?.listener, 'web')
      assert.is(proxy.engine.dials.length, 1)
      assert.is(proxy.relay.arriving.size, 0)
    }),
    { numRuns: runs(50) },
  )
})

test('a health check has no events, and a client behind a header without a name counts by the balancer', () => {
  const proxy = behind()
  for (const header of [local, v1('10.0.0.1'), Buffer.from('PROXY UNKNOWN\r\n')]) {
    const check = proxy.arrives(balancer)
    check.sends(header)
    check.finishes()
  }
  assert.equal(proxy.events, [])
  assert.equal([proxy.relay.arriving.size, proxy.relay.sessions.size], [0, 0])
  const client = proxy.arrives(balancer)
  client.sends(local)
  client.sends(payload())
  assert.is(accepted(proxy)[0]?.prefix, '10.0.0.0/24')
})

const toSite = '0d0a0d0a000d0a515549540a2111000c'
const fromClient = 'cb007107c000020104d201bb'
for (const [way, headers, addresses] of [
  ['with its first bytes', [Buffer.concat([v1('203.0.113.7'), Buffer.from('GET')])], fromClient],
  ['before its first bytes', [v1('203.0.113.7'), Buffer.from('GET')], fromClient],
  ['with the balancer’s own address', [v1('10.0.0.1'), Buffer.from('GET')], '0a000001c000020104d201bb'],
  ['without a name', [Buffer.concat([local, Buffer.from('GET')])], '0a000001c0000209c35001bb'],
] as const) {
  test(`the masking host gets the client of the header, which came ${way}, and its port`, () => {
    const proxy = relaying({
      listeners: [listener],
      domains: domainsWith({ ...mask, proxyProtocol: true }),
    })
    const client = proxy.arrives(balancer)
    for (const bytes of headers) client.sends(bytes)
    client.sends(' / HTTP/1.1\r\n'.padEnd(600))
    const site = proxy.engine.dials[0]!.connects()
    const head = Buffer.from(site.text, 'latin1').toString('hex', 0, 28)
    assert.is(head, toSite + addresses)
    assert.match(site.text.slice(28), /^GET \/ HTTP/)
    proxy.relay.closeAll()
  })
}

test('networks and addresses of a user are those of the header, not of the balancer', () => {
  const addresses = { first: 0, length: 1 }
  const limits = { slot: 0, maxConnections: null, rateUp: null, rateDown: null, modes: null, hasQuota: false }
  const proxy = relaying({
    listeners: [listener],
    userCounts: countsMemory(1),
    users: [{ name: 'one', secret, limited: { ...limits, networks: ['203.0.113.0/24'], addresses } }],
  })
  const refusedBy = (address: string): string | undefined => {
    const before = proxy.events.length
    const client = proxy.arrives(balancer)
    client.sends(Buffer.concat([v1(address), payload()]))
    return proxy.events
      .slice(before)
      .flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))[0]
  }
  assert.is(refusedBy('203.0.113.7'), undefined)
  assert.is(refusedBy('203.0.113.7'), undefined)
  assert.is(refusedBy('203.0.113.8'), 'user-addresses')
  assert.is(refusedBy('198.51.100.1'), 'not-allowed-network')
})

test('a bad header, a late one and an untrusted source are closed and counted', () => {
  const proxy = behind()
  const bad = proxy.arrives(balancer)
  bad.sends('GET / HTTP/1.1\r\n')
  assert.ok(bad.closed)
  const untrusted = proxy.arrives(Buffer.from([11, 0, 0, 1]))
  assert.ok(untrusted.closed)
  const late = proxy.arrives(balancer)
  late.sends('PROXY TCP4')
  const cut = proxy.arrives(balancer)
  cut.sends('PROXY')
  cut.finishes()
  proxy.at(60_000)
  assert.ok(late.closed)
  proxy.at(62_000)
  assert.equal(refused(proxy).sort(), ['web bad-header 2', 'web no-header 1', 'web untrusted-source 1'])
  assert.equal(accepted(proxy), [])
})

test('connections without a header are bounded: the oldest leaves', () => {
  const proxy = behind()
  const first = proxy.arrives(balancer)
  for (let i = 0; i < 1_024; i++) proxy.arrives(balancer)
  assert.ok(first.closed)
  assert.is(proxy.relay.arriving.size, 1_024)
  proxy.relay.closeAll()
  assert.is(proxy.relay.arriving.size, 0)
})

test.run()
