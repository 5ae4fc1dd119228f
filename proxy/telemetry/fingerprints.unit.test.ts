import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { namedClients, namedRefused, nameFingerprints, otherFingerprints } from './fingerprints.ts'

const scan = (name: ReturnType<typeof nameFingerprints>, times: number): Set<string> =>
  new Set(Array.from({ length: times }, (_, i) => name(`scanner-${i}`, false)))

test('a scanner with a new fingerprint in each hello fills the slots of the refused and no others', () => {
  const names = scan(nameFingerprints(), 100_000)
  assert.is(names.size, namedRefused + 1)
  assert.ok(names.has(otherFingerprints))
})

test('an accepted client keeps its name, however many scanners come before and after it', () => {
  const name = nameFingerprints()
  scan(name, 1_000)
  for (let i = 0; i < namedClients; i++) assert.is(name(`client-${i}`, true), `client-${i}`)
  scan(name, 1_000)
  assert.is(name('client-0', true), 'client-0')
  assert.is(name('client-0', false), 'client-0')
})

test('the number of names is bounded in any order of accepted and refused clients', () => {
  const name = nameFingerprints()
  const names = new Set<string>()
  for (let i = 0; i < 5_000; i++) names.add(name(`ja4-${i % 700}`, i % 3 === 0))
  for (let i = 0; i < 5_000; i++) names.add(name(`ja4-${i % 700}`, i % 2 === 0))
  assert.ok(names.size <= namedClients + namedRefused + 1, `${names.size}`)
})

test('a refused fingerprint that is accepted later keeps its name and becomes a client', () => {
  const name = nameFingerprints()
  assert.is(name('app', false), 'app')
  assert.is(name('app', true), 'app')
  scan(name, 1_000)
  assert.is(name('app', false), 'app')
})

test('with all client slots taken, a new client is other, and one that was refused earlier keeps its name', () => {
  const name = nameFingerprints()
  name('late', false)
  for (let i = 0; i < namedClients; i++) name(`client-${i}`, true)
  assert.is(name('new', true), otherFingerprints)
  assert.is(name('late', true), 'late')
})

test.run()
