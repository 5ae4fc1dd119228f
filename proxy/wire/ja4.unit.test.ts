import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Hello } from './client-hello.ts'
import { isGrease, ja4 } from './ja4.ts'

const nothing = Buffer.alloc(0)
const plain: Hello = {
  digested: nothing,
  random: nothing,
  form: 'right',
  sessionId: nothing,
  legacyVersion: 0x0303,
  cipherSuites: [],
  extensions: [],
  serverName: null,
  versions: [],
  groups: [],
  signatureAlgorithms: [],
  alpn: null,
  keyShares: [],
}
const list = (hex: string): number[] => hex.split(',').map((value) => Number.parseInt(value, 16))

const chromeSuites = '4a4a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035'
const firefoxSuites = '1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035'
const chromeAlgorithms = '0403,0804,0401,0503,0805,0501,0806,0601'
const firefoxAlgorithms = '0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201'

// As published: the specification's own example, later Chrome, Firefox 105 and a Firefox with ECH.
const published = [
  {
    ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1',
    suites: chromeSuites,
    extensions: '7a7a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,dada',
    algorithms: chromeAlgorithms,
  },
  {
    ja4: 't13d1516h2_8daaf6152771_d8a2da3f94cd',
    suites: chromeSuites,
    extensions: '1a1a,002d,0033,0010,fe0d,0017,44cd,0000,000b,000a,002b,ff01,0023,0012,0005,000d,001b,2a2a',
    algorithms: chromeAlgorithms,
  },
  {
    ja4: 't13d1715h2_5b57614c22b0_3d5424432f57',
    suites: firefoxSuites,
    extensions: '0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015',
    algorithms: firefoxAlgorithms,
  },
  {
    ja4: 't13d1715h2_5b57614c22b0_5c2c66f702b0',
    suites: firefoxSuites,
    extensions: '0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,fe0d',
    algorithms: firefoxAlgorithms,
  },
]

test('published fingerprints come out', () => {
  for (const { ja4: expected, suites, extensions, algorithms } of published) {
    const hello = {
      ...plain,
      cipherSuites: list(suites),
      extensions: list(extensions),
      signatureAlgorithms: list(algorithms),
      versions: [0xaaaa, 0x0304, 0x0303],
      serverName: 'example.com',
      alpn: Buffer.from('h2'),
    }
    assert.is(ja4(hello), expected)
  }
})

test('the first protocol gives its first and last letter, or those of its hex when they are not letters', () => {
  const reported = (hex: string) => ja4({ ...plain, alpn: Buffer.from(hex, 'hex') }).slice(8, 10)
  // The specification's examples.
  assert.is(reported('ab'), 'ab')
  assert.is(reported('abcd'), 'ad')
  assert.is(reported('30ab'), '3b')
  assert.is(reported('3031abcd'), '3d')
  assert.is(reported('30abcd31'), '01')
  assert.is(reported(Buffer.from('http/1.1').toString('hex')), 'h1')
  assert.is(reported('68'), 'hh')
  assert.is(reported(''), '00')
})

test('nothing hashes to zeros, and without signature algorithms nothing follows the extensions', () => {
  assert.is(ja4(plain), 't12i000000_000000000000_000000000000')
  const extensions = list('0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01')
  assert.is(ja4({ ...plain, extensions }).split('_')[2], '6d807ffa2a79')
})

test('the version is the highest supported one, else that of the message', () => {
  const reported = (legacyVersion: number, versions: number[]) =>
    ja4({ ...plain, legacyVersion, versions }).slice(1, 3)
  assert.is(reported(0x0303, [0x0303, 0x0304]), '13')
  assert.is(reported(0x0301, []), '10')
  assert.is(reported(0x0300, [0x5a5a]), 's3')
  assert.is(reported(0x7777, []), '00')
})

test('of a list that no client has the first 256 elements count', () => {
  const many = Array.from({ length: 8_000 }, (_, i) => i)
  const print = (list: number[]) => ja4({ ...plain, cipherSuites: list, extensions: list })
  assert.is(print(many), print(many.slice(0, 256)))
  assert.is.not(print(many), print(many.slice(0, 255)))
})

test('counts stop at 99', () => {
  const many = Array.from({ length: 120 }, (_, i) => i + 1)
  assert.is(ja4({ ...plain, cipherSuites: many, extensions: many }).slice(4, 8), '9999')
})

test('GREASE has sixteen values', () => {
  const values = Array.from({ length: 0x10000 }, (_, value) => value).filter(isGrease)
  assert.equal(values.slice(0, 2), [0x0a0a, 0x1a1a])
  assert.is(values.length, 16)
})

test.run()
