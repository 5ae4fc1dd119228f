import { readFileSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import {
  localHeader,
  longestHeader,
  type ProxyHeader,
  proxyHeader,
  readProxyHeader,
} from './proxy-protocol.ts'

type Recorded = { program: string; header: string; client: string | null; rest: string; bytes: string }
const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL('fixtures/proxy-headers.json', import.meta.url), 'utf8'),
)

const read = (bytes: Buffer): ProxyHeader => readProxyHeader(bytes, bytes.length)
const textOf = (remote: Buffer): string =>
  remote.length === 4
    ? remote.join('.')
    : new SocketAddress({
        address: [...Array(8).keys()].map((i) => remote.readUInt16BE(2 * i).toString(16)).join(':'),
        family: 'ipv6',
      }).address

/** The decision of every prefix before the last must be `more`: returns the decision and how many bytes it needed. */
const byBytes = (bytes: Buffer): [ProxyHeader, number] => {
  for (let length = 1; length < bytes.length; length++) {
    const header = readProxyHeader(bytes, length)
    if (header.read !== 'more') return [header, length]
  }
  return [read(bytes), bytes.length]
}

test('headers that HAProxy and nginx have sent name their client, whatever follows', () => {
  assert.is(recorded.length, 9)
  for (const { program, header, client, rest, bytes } of recorded) {
    const all = Buffer.from(bytes, 'hex')
    const found = read(all)
    assert.is(found.read, client === null ? 'unnamed' : 'client', `${program} ${header}`)
    if (found.read === 'client') assert.is(textOf(found.remote), client, `${program} ${header}`)
    if ('length' in found) assert.is(all.toString('latin1', found.length), rest, `${program} ${header}`)
  }
})

test('a recorded header is complete with its last byte and not before', () => {
  for (const { bytes, rest, program, header } of recorded) {
    const all = Buffer.from(bytes, 'hex')
    assert.is(byBytes(all)[1], all.length - rest.length, `${program} ${header}`)
  }
})

const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((b) => Buffer.from(b))
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).fill(0x20, 0, 1))
const port = fc.nat(65_535)
const tlvs = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b))

const v2 = (command: number, kind: number, body: Buffer): Buffer => {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(body.length)
  return Buffer.concat([
    Buffer.from('0d0a0d0a000d0a515549540a', 'hex'),
    Buffer.from([command, kind]),
    size,
    body,
  ])
}
const ports = (a: number, b: number): Buffer => Buffer.from([a >> 8, a & 255, b >> 8, b & 255])

const anyHeader = fc.oneof(
  fc.tuple(ipv4, ipv4, port, port, tlvs).map(([from, to, a, b, more]) => ({
    client: { remote: from, remotePort: a, local: to, localPort: b },
    bytes: v2(0x21, 0x11, Buffer.concat([from, to, ports(a, b), more])),
  })),
  fc.tuple(ipv6, ipv6, port, port, tlvs).map(([from, to, a, b, more]) => ({
    client: { remote: from, remotePort: a, local: to, localPort: b },
    bytes: v2(0x21, 0x21, Buffer.concat([from, to, ports(a, b), more])),
  })),
  fc.tuple(ipv4, ipv4, port, port).map(([from, to, a, b]) => ({
    client: { remote: from, remotePort: a, local: to, localPort: b },
    bytes: Buffer.from(`PROXY TCP4 ${from.join('.')} ${to.join('.')} ${a} ${b}\r\n`),
  })),
  fc.tuple(ipv6, ipv6, port, port).map(([from, to, a, b]) => ({
    client: { remote: from, remotePort: a, local: to, localPort: b },
    bytes: Buffer.from(`PROXY TCP6 ${textOf(from)} ${textOf(to)} ${a} ${b}\r\n`),
  })),
)

test('any header reads alike however the wire splits it, and names its client', () => {
  fc.assert(
    fc.property(anyHeader, fc.uint8Array({ maxLength: 20 }), ({ client, bytes }, rest) => {
      const [header, needed] = byBytes(Buffer.concat([bytes, rest]))
      assert.is(needed, bytes.length)
      assert.equal(header, { read: 'client', ...client, length: bytes.length })
    }),
    { numRuns: runs(300) },
  )
})

test('hostile bytes never throw, and a longer prefix never changes a decision', () => {
  const start = fc.constantFrom('', '0d0a0d0a000d0a515549540a', '0d0a0d0a000d0a515549540a21', '50524f585920')
  const hostile = fc
    .tuple(start, fc.uint8Array({ maxLength: 200 }))
    .map(([hex, tail]) => Buffer.concat([Buffer.from(hex, 'hex'), tail]))
  fc.assert(
    fc.property(hostile, (bytes) => {
      const [header] = byBytes(bytes)
      if (header.read !== 'more') assert.equal(read(bytes), header)
    }),
    { numRuns: runs(500) },
  )
})

test('a broken header is refused at its first wrong field', () => {
  const refused = (text: string): void => assert.is(read(Buffer.from(text, 'latin1')).read, 'bad', text)
  refused('GET')
  refused('PROXYTCP4')
  refused('PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n')
  refused('PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n')
  refused('PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n')
  refused('PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n')
  refused('PROXY TCP4 ::1 ::1 1 2\r\n')
  refused('PROXY TCP6 1.2.3.4 ::1 1 2\r\n')
  refused('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')
  refused('PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n')
  refused('PROXY TCP6 1::2::3 ::1 1 2\r\n')
  refused('PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n')
  refused('PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n')
  refused('PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n')
  refused(`PROXY UNKNOWN ${'x'.repeat(100)}`)
})

test('a binary header of another version, command, transport or size is refused', () => {
  const address = Buffer.alloc(12, 1)
  const right = v2(0x21, 0x11, address)
  assert.is(read(right).read, 'client')
  assert.is(read(v2(0x11, 0x11, address)).read, 'bad')
  assert.is(read(v2(0x22, 0x11, address)).read, 'bad')
  assert.is(read(v2(0x21, 0x12, address)).read, 'bad')
  assert.is(read(v2(0x21, 0x41, address)).read, 'bad')
  assert.is(read(v2(0x21, 0x11, address.subarray(1))).read, 'bad')
  assert.is(read(v2(0x21, 0x21, Buffer.alloc(35))).read, 'bad')
  assert.is(read(v2(0x21, 0x11, Buffer.alloc(longestHeader - 16))).read, 'client')
  assert.is(read(v2(0x21, 0x11, Buffer.alloc(longestHeader - 15))).read, 'bad')
})

test('LOCAL, UNKNOWN and addresses of Unix sockets name no client', () => {
  assert.equal(read(v2(0x20, 0, Buffer.alloc(0))), { read: 'unnamed', length: 16 })
  assert.equal(read(v2(0x20, 0x11, Buffer.alloc(12))), { read: 'unnamed', length: 28 })
  assert.equal(read(v2(0x21, 0, Buffer.alloc(3))), { read: 'unnamed', length: 19 })
  assert.equal(read(v2(0x21, 0x31, Buffer.alloc(216))), { read: 'unnamed', length: 232 })
  assert.equal(read(Buffer.from('PROXY UNKNOWN\r\n')), { read: 'unnamed', length: 15 })
  assert.equal(read(Buffer.from('PROXY UNKNOWN ffff:: 1 2 x\r\nabc')), { read: 'unnamed', length: 28 })
})

test('an IPv4 address inside IPv6 is an IPv4 address', () => {
  const remote = Buffer.from([192, 0, 2, 7])
  const inside = Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), remote])
  const both = Buffer.concat([inside, inside, ports(1, 2)])
  const client = { read: 'client', remote, remotePort: 1, localPort: 2 }
  assert.equal(read(v2(0x21, 0x21, both)), { ...client, local: remote, length: 52 })
  const text = 'PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n'
  const local = Buffer.from('20010db8000000000000000000000001', 'hex')
  assert.equal(read(Buffer.from(text)), { ...client, local, length: text.length })
})

test('a written header is read back as its client', () => {
  const end = (address: fc.Arbitrary<Buffer>) => fc.record({ address, port })
  const either = end(fc.oneof(ipv4, ipv6))
  fc.assert(
    fc.property(either, either, (client, proxy) => {
      const header = proxyHeader(client, proxy)
      const found = read(header)
      assert.is(found.read, 'client')
      if (found.read !== 'client') return
      assert.equal(found, {
        read: 'client',
        length: header.length,
        ...{ remote: client.address, remotePort: client.port },
        ...{ local: proxy.address, localPort: proxy.port },
      })
    }),
    { numRuns: runs(200) },
  )
  assert.equal(read(localHeader), { read: 'unnamed', length: 16 })
})

test('the bytes of a written header are those of the specification', () => {
  const header = proxyHeader(
    { address: Buffer.from([203, 0, 113, 9]), port: 50_000 },
    { address: Buffer.from([192, 0, 2, 1]), port: 443 },
  )
  assert.is(header.toString('hex'), '0d0a0d0a000d0a515549540a2111000ccb007109c0000201c35001bb')
})

test.run()
