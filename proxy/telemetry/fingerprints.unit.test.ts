import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mostKnown, mostStrange, nameFingerprints, otherFingerprints } from './fingerprints.ts'

const scan = (name: ReturnType<typeof nameFingerprints>, times: number): Set<string> =>
  new Set(Array.from({ length: times }, (_, i) => name(`scanner-${i}`, false)))

test('a scanner with a new fingerprint in each hello gets its slots and no more', () => {
  const names = scan(nameFingerprints(), 100_000)
  assert.is(names.size, mostStrange + 1)
  assert.ok(names.has(otherFingerprints))
})

test('whoever is accepted keeps a name, however many strangers came before and come again', () => {
  const name = nameFingerprints()
  scan(name, 1_000)
  for (let i = 0; i < mostKnown; i++) assert.is(name(`client-${i}`, true), `client-${i}`)
  scan(name, 1_000)
  assert.is(name('client-0', true), 'client-0')
  assert.is(name('client-0', false), 'client-0')
})

test('all names together are bounded, whoever is accepted or refused in whatever order', () => {
  const name = nameFingerprints()
  const names = new Set<string>()
  for (let i = 0; i < 5_000; i++) names.add(name(`ja4-${i % 700}`, i % 3 === 0))
  for (let i = 0; i < 5_000; i++) names.add(name(`ja4-${i % 700}`, i % 2 === 0))
  assert.ok(names.size <= mostKnown + mostStrange + 1, `${names.size}`)
})

test('a stranger that is accepted at last is a client from then on, under the same name', () => {
  const name = nameFingerprints()
  assert.is(name('app', false), 'app')
  assert.is(name('app', true), 'app')
  scan(name, 1_000)
  assert.is(name('app', false), 'app')
})

test('with all slots of clients taken, one more is other, and one that was refused before stays itself', () => {
  const name = nameFingerprints()
  name('late', false)
  for (let i = 0; i < mostKnown; i++) name(`client-${i}`, true)
  assert.is(name('new', true), otherFingerprints)
  assert.is(name('late', true), 'late')
})

test.run()
