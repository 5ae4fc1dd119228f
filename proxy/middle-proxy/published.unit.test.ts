import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Address, addressOf, addressText } from '../datacenter/directory.ts'
import { middleProxiesOf } from './directory.ts'
import {
  joined,
  longestConfig,
  mayReplace,
  type Published,
  readPublished,
  readPublishedSecret,
} from './published.ts'

/** As Telegram writes it. */
const document = `# force_probability 10 10
default 2;
proxy_for 1 149.154.175.50:8888;
proxy_for -1 149.154.175.50:8888;
proxy_for 2 149.154.161.144:8888;
proxy_for -2 149.154.161.144:8888;
proxy_for 4 91.108.4.204:8888;
proxy_for 4 91.108.4.130:8888;
proxy_for 203 91.105.192.110:443;
`

const read = (text: string, localToo = false) => readPublished(Buffer.from(text), localToo)
const right = (text: string, localToo = false): Published => {
  const reading = read(text, localToo)
  if (!reading.ok) throw new Error(reading.detail)
  return reading.value
}
const reasonOf = (text: string, localToo = false): string | null => {
  const reading = read(text, localToo)
  return reading.ok ? null : reading.reason
}
const texts = (all: readonly Address[] | undefined): string[] => (all ?? []).map(addressText)

test('the document that Telegram publishes is read', () => {
  const { byDc, defaultDc } = right(document)
  assert.is(defaultDc, 2)
  assert.equal([...byDc.keys()], [1, -1, 2, -2, 4, 203])
  assert.equal(texts(byDc.get(4)), ['91.108.4.204:8888', '91.108.4.130:8888'])
})

test('media without middle proxies of their own use those of the datacenter', () => {
  const all = { ...right(document), secret: randomBytes(128) }
  assert.equal(texts(middleProxiesOf(all, 2, true)), ['149.154.161.144:8888'])
  assert.equal(texts(middleProxiesOf(all, 4, true)), ['91.108.4.204:8888', '91.108.4.130:8888'])
  assert.equal(texts(middleProxiesOf(all, 7, false)), [])
})

test('IPv6 addresses join those of IPv4, which stay first', () => {
  const six = right('default 1;\nproxy_for 1 [2001:b28:f23d:f001::d]:8888;\nproxy_for 5 [2001:b28::1]:80;\n')
  const both = joined(right(document), six)
  assert.equal(texts(both.byDc.get(1)), ['149.154.175.50:8888', '[2001:b28:f23d:f001::d]:8888'])
  assert.equal(texts(both.byDc.get(5)), ['[2001:b28::1]:80'])
  assert.is(both.defaultDc, 2)
  assert.equal(joined(right(document), null), right(document))
})

test('numbers for the connections of the official proxy are passed over, and a repeated address counts once', () => {
  const { byDc } = right(
    'timeout 300; min_connections 4; max_connections 8; default 1; proxy_for 1 1.1.1.1:1; proxy_for 1 1.1.1.1:1;',
  )
  assert.equal(texts(byDc.get(1)), ['1.1.1.1:1'])
})

const wrong: readonly (readonly [reason: string, text: string])[] = [
  ['implausible', ''],
  ['implausible', '# nothing'],
  ['implausible', 'default 2;'],
  ['implausible', 'proxy_for 2 1.1.1.1:80;'],
  ['implausible', 'default 3; proxy_for 2 1.1.1.1:80;'],
  ['implausible', 'default 2; proxy_for 2 10.0.0.1:80;'],
  ['implausible', 'default 2; proxy_for 2 127.0.0.1:80;'],
  ['implausible', 'default 2; proxy_for 2 [fe80::1]:80;'],
  ['malformed', 'default 2; proxy_for 2 1.1.1.1:80'],
  ['malformed', '<html><body>502 Bad Gateway</body></html>'],
  ['malformed', 'default 2; proxy_for 2 1.1.1.1:0;'],
  ['malformed', 'default 2; proxy_for 2 1.1.1.1:65536;'],
  ['malformed', 'default 2; proxy_for 2 1.1.1:80;'],
  ['malformed', 'default 2; proxy_for 2 2001:b28::1:80;'],
  ['malformed', 'default 2; proxy_for 2 [1.1.1.1]:80;'],
  ['malformed', 'default 2; proxy_for 2 telegram.org:80;'],
  ['malformed', 'default 2; proxy_for 0 1.1.1.1:80;'],
  ['malformed', 'default 2; proxy_for 32768 1.1.1.1:80;'],
  ['malformed', 'default 2; proxy_for 2 1.1.1.1:80 1.1.1.2:80;'],
  ['malformed', 'default 2; proxy_for 2 1.1.1.1:80; include other;'],
  ['malformed', 'default 2;; proxy_for 2 1.1.1.1:80;'],
]

test('a document with anything else is refused whole, with a reason', () => {
  for (const [reason, text] of wrong) assert.is(reasonOf(text), reason, text)
  assert.is(reasonOf('x'.repeat(longestConfig + 1)), 'too-long')
  const many = Array.from({ length: 1_025 }, (_, at) => `proxy_for 2 1.1.${at >> 8}.${at & 255}:1;`)
  assert.is(reasonOf(`default 2;\n${many.join('\n')}`), 'too-long')
})

test('local addresses are read where the document comes from this host', () => {
  assert.is(reasonOf('default 2; proxy_for 2 127.0.0.1:80;', true), null)
})

const dc = fc.integer({ min: -1_000, max: 1_000 }).filter((id) => id !== 0)
const address = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))

test('whatever addresses there are, reading the text that names them returns them', () => {
  fc.assert(
    fc.property(fc.dictionary(dc.map(String), fc.array(address, { minLength: 1, maxLength: 4 })), (all) => {
      const entries = Object.entries(all)
      fc.pre(entries.length > 0)
      const lines = entries.flatMap(([id, list]) =>
        list.map((one) => `proxy_for ${id} ${addressText(addressOf(...one))};`),
      )
      const { byDc, defaultDc } = right(`default ${entries[0]![0]};\n${lines.join('\n')}\n`, true)
      assert.is(String(defaultDc), entries[0]![0])
      for (const [id, list] of entries) {
        assert.equal(texts(byDc.get(Number(id))), [
          ...new Set(list.map((one) => addressText(addressOf(...one)))),
        ])
      }
    }),
  )
})

test('no bytes make a reader throw, and damage of one byte never yields an empty configuration', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readPublished(bytes)
      readPublishedSecret(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.nat(document.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(document)
      damaged[at] = byte
      const reading = readPublished(damaged)
      if (!reading.ok) return
      const { byDc, defaultDc } = reading.value
      assert.ok(byDc.has(defaultDc))
      for (const all of byDc.values()) assert.ok(all.length > 0)
    }),
  )
})

test('a document that has lost more than half of the datacenters does not replace the one before', () => {
  const four = right(document)
  assert.ok(mayReplace(four, right('default 1; proxy_for 1 1.1.1.1:1; proxy_for -2 1.1.1.1:1;')))
  assert.not.ok(mayReplace(four, right('default 1; proxy_for 1 1.1.1.1:1;')))
  assert.not.ok(mayReplace(four, right('default 9; proxy_for 9 1.1.1.1:1; proxy_for 8 1.1.1.1:1;')))
  assert.ok(mayReplace(right('default 1; proxy_for 1 1.1.1.1:1;'), four))
})

test('a secret is 32 to 256 random bytes, not the text of an error page', () => {
  const reason = (bytes: Uint8Array): string | null => {
    const reading = readPublishedSecret(bytes)
    return reading.ok ? null : reading.reason
  }
  assert.is(reason(randomBytes(128)), null)
  assert.is(reason(Buffer.alloc(31, 200)), 'malformed')
  assert.is(reason(Buffer.alloc(257, 200)), 'too-long')
  assert.is(reason(Buffer.from('<html><body>502 Bad Gateway</body></html>')), 'implausible')
})

test.run()
