import { BlockList } from 'node:net'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Network, readNetwork } from './network.ts'
import { networkMemory, networkSet } from './network-set.ts'

const setOf = (...texts: string[]) => {
  const networks = texts.map(readNetwork)
  assert.ok(networks.every((one) => one !== null))
  return networkSet(networkMemory(networks as Network[]))
}

const text4 = (bytes: Uint8Array): string => bytes.join('.')
const text6 = (bytes: Uint8Array): string =>
  Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16)).join(':')

test('an address lies in a network from its first to its last address', () => {
  const set = setOf('203.0.113.64/26', '2001:db8::/33')
  const has = (bytes: number[]): boolean => set.has(Buffer.from(bytes))
  assert.equal(
    [63, 64, 127, 128].map((last) => has([203, 0, 113, last])),
    [false, true, true, false],
  )
  const six = (third: number): Buffer =>
    Buffer.from(`20010db8${third.toString(16).padStart(4, '0')}`.padEnd(32, 'f'), 'hex')
  assert.ok(set.has(six(0x7fff)))
  assert.not(set.has(six(0x8000)))
})

test('an address alone, bits behind the prefix and all addresses', () => {
  assert.ok(setOf('198.51.100.7').has(Buffer.from([198, 51, 100, 7])))
  assert.ok(setOf('198.51.100.7/24').has(Buffer.from([198, 51, 100, 200])))
  assert.ok(setOf('0.0.0.0/0').has(Buffer.from([255, 255, 255, 255])))
  assert.ok(setOf('::/0').has(Buffer.alloc(16, 255)))
  assert.not(setOf('::/0').has(Buffer.alloc(4)))
  assert.ok(setOf('::ffff:203.0.113.0/120').has(Buffer.from([203, 0, 113, 5])))
})

test('a text that is not a network is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4/33',
    '::/129',
    'fe80::1%eth0',
    'example.org',
    '1.2.3.4/',
    '1.2.3.4/-1',
    '::1::',
  ])
    assert.is(readNetwork(text), null, text)
})

// Few different bytes, so that networks overlap, touch and are hit.
const byte = fc.constantFrom(0, 1, 127, 128, 255)
const bytes = (length: number) =>
  fc.array(byte, { minLength: length, maxLength: length }).map((all) => Uint8Array.from(all))
const four = fc.tuple(bytes(4), fc.integer({ min: 0, max: 32 }))
const six = fc.tuple(bytes(16), fc.integer({ min: 0, max: 128 }))

test('the set has what a list of the networks has', () => {
  const cases = [
    { network: four, address: bytes(4), text: text4, family: 'ipv4' },
    { network: six, address: bytes(16), text: text6, family: 'ipv6' },
  ] as const
  for (const { network, address, text, family } of cases) {
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 20 }),
        fc.array(address, { minLength: 1, maxLength: 20 }),
        (all, asked) => {
          const list = new BlockList()
          for (const [base, bits] of all) list.addSubnet(text(base), bits, family)
          const set = setOf(...all.map(([base, bits]) => `${text(base)}/${bits}`))
          for (const one of asked) assert.is(set.has(Buffer.from(one)), list.check(text(one), family))
        },
      ),
    )
  }
})

test.run()
