import { hash } from 'node:crypto'
import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSecret, Secret, weakness } from './secret.ts'

const hex = 'c0ffee17a2b94d5e8f6071930ab4d2e6'

test('only hex() prints a secret', () => {
  const secret = new Secret(Buffer.from(hex, 'hex'))
  for (const printed of [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ a: [secret] }, { showHidden: true, depth: 9 }),
  ]) {
    assert.ok(printed.includes('[secret]'), printed)
    assert.not.ok(printed.includes(hex) || printed.includes('c0'), printed)
  }
  assert.is(secret.hex(), hex)
})

test('the bytes of a secret are copies', () => {
  const given = Buffer.from(hex, 'hex')
  const secret = new Secret(given)
  given.fill(0)
  secret.bytes().fill(0)
  assert.is(secret.hex(), hex)
  assert.throws(
    () => new Secret(Buffer.alloc(15)),
    (error: unknown) => error instanceof RangeError,
  )
})

test('weak secrets are refused', () => {
  for (const weak of [
    '00000000000000000000000000000000',
    'ffffffffffffffffffffffffffffffff',
    '0123456789abcdef0123456789abcdef',
    '0123456789abcdeffedcba9876543210',
    '000102030405060708090a0b0c0d0e0f',
    'c0ffee17a2b94d5ec0ffee17a2b94d5e',
    '00112233445566778899aabbccddeeff',
    '00000000000000000000000000000001',
    Buffer.from('my secret, 16 by').toString('hex'),
  ]) {
    assert.not.ok(readSecret(weak).ok, weak)
  }
})

test('random secrets are not refused as weak', () => {
  // The same ones each time: of random ones one in five million is called so, by right.
  for (let at = 0; at < 20_000; at++) {
    const bytes = hash('md5', String(at), 'buffer')
    assert.is(weakness(bytes), null, bytes.toString('hex'))
  }
})

test.run()
