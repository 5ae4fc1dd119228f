import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { x25519 } from './client-hello.ts'
import fixtures from './fixtures/server-answers.json' with { type: 'json' }
import { parseServerAnswer } from './server-answer.ts'

const recorded = fixtures.map((fixture) => ({ ...fixture, bytes: Buffer.from(fixture.hex, 'hex') }))
const first = recorded[0]!

test('answers of real servers are read', () => {
  for (const { name, bytes, group, cipherSuite, records } of recorded) {
    const answer = parseServerAnswer(bytes)
    if (group === null) {
      assert.is(answer, name.endsWith('-retry') ? 'retry' : 'not-tls13', name)
      continue
    }
    assert.type(answer, 'object', name)
    if (typeof answer === 'string') continue
    assert.is(answer.group, group, name)
    assert.is(answer.cipherSuite, cipherSuite, name)
    assert.equal(answer.records, records, name)
    assert.ok(answer.whole, name)
  }
})

test('an answer is read as far as it has come', () => {
  const ends: number[] = []
  for (let at = 0; at < first.bytes.length; ends.push(at)) at += 5 + first.bytes.readUInt16BE(at + 3)
  for (let length = 0; length <= first.bytes.length; length++) {
    const answer = parseServerAnswer(first.bytes.subarray(0, length))
    const complete = ends.filter((end) => end <= length).length
    if (complete === 0) {
      assert.is(answer, 'more')
      continue
    }
    assert.type(answer, 'object')
    if (typeof answer === 'string') continue
    assert.is(answer.whole, ends.includes(length), `${length}`)
    // ServerHello and ChangeCipherSpec come before them.
    assert.is(answer.records.length, Math.max(0, complete - 2))
  }
})

test('a request for another share, an alert and plain text are not an answer', () => {
  const retry = Buffer.from(first.bytes)
  Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex').copy(retry, 11)
  assert.is(parseServerAnswer(retry), 'retry')
  assert.is(parseServerAnswer(Buffer.from('15030300020228', 'hex')), 'not-tls13')
  assert.is(parseServerAnswer(Buffer.from('HTTP/1.1 400 Bad Request')), 'not-tls13')
})

test('hostile bytes never throw', () => {
  const mutated = fc
    .tuple(fc.constantFrom(...recorded), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }))
    .map(([{ bytes }, changes]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (array) => {
      const answer = parseServerAnswer(Buffer.from(array))
      if (typeof answer === 'object') assert.ok(answer.group > 0)
    }),
    { numRuns: runs(1000) },
  )
  assert.ok(recorded.some(({ group }) => group === x25519))
})

test.run()
