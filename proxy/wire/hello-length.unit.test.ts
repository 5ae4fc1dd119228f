import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inRecords } from '../../compose/test/kit/client/client-hello.ts'
import { helloLength, maxHello, maxHelloOnWire, sealedHello, signedRecord } from './client-hello.ts'
import fixtures from './fixtures/client-hellos.json' with { type: 'json' }

const signed = Buffer.from(fixtures.find(({ name }) => name === 'telegram-classic')!.hex, 'hex')

test('foreign bytes are recognised from the first on, and a record without a hello when it is complete', () => {
  const verdict = (hex: string) => helloLength(Buffer.from(hex, 'hex'), hex.length / 2)
  for (const hex of ['00', '47', '17', '1602', '160305']) assert.is(verdict(hex), 'not-tls', hex)
  for (const hex of ['1603010000', '16030100050200000100', '16030140010100', '160301000101170301']) {
    assert.is(verdict(hex), 'malformed', hex)
  }
  for (const hex of ['', '16', '1603', '160301', '16030100', '1603010005', '160301000502', '160301000501']) {
    assert.is(verdict(hex), 'more', hex)
  }
})

test('bytes behind the message in its record belong to the hello', () => {
  const bytes = Buffer.from('160301000801000002030300ff', 'hex')
  assert.is(helloLength(bytes, bytes.length), bytes.length)
  assert.is(helloLength(bytes, bytes.length - 1), 'more')
})

test('a hello may be 16 KiB long in 32 records, and no more', () => {
  const of = (length: number) => {
    const bytes = Buffer.alloc(5 + length)
    bytes.set([0x16, 3, 1, length >>> 8, length & 0xff, 1, 0, (length - 4) >>> 8, (length - 4) & 0xff])
    return bytes
  }
  const longest = of(maxHello)
  assert.is(helloLength(longest, longest.length), longest.length)
  assert.is(helloLength(longest, 9), 'more')
  assert.is(helloLength(of(maxHello + 1), 9), 'malformed')
  assert.is(helloLength(Buffer.from('160301ffff', 'hex'), 5), 'malformed')
  assert.is(helloLength(Buffer.from('160301000401010000', 'hex'), 9), 'malformed')
  const wire = inRecords(longest, 32)
  assert.is(wire.length, maxHelloOnWire)
  assert.is(helloLength(wire, wire.length), wire.length)
  const more = inRecords(longest, 33)
  assert.is(helloLength(more, more.length), 'malformed')
})

test('a complete record may be signed, whatever its message', () => {
  const behind = Buffer.concat([signed, signed])
  for (let length = 0; length < signed.length; length++) assert.is(signedRecord(signed, length, false), 0)
  assert.is(signedRecord(signed, signed.length, false), signed.length)
  assert.is(signedRecord(behind, behind.length, false), signed.length)
  // While more bytes may come, only the read that ends with the record returns its end.
  assert.is(signedRecord(signed, signed.length, true), signed.length)
  assert.is(signedRecord(behind, signed.length + 1, true), 0)
  assert.is(signedRecord(Buffer.from('160301000101', 'hex'), 6, false), 0)
  assert.is(sealedHello(Buffer.from('16030100020100', 'hex'), 7), null)
})

test.run()
