import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Address, Directory } from './directory.ts'
import { rankingOf } from './ranking.ts'

const address = (host: string): Address => ({ host, port: 443, family: 'ipv4' })
const [a, b, c] = [address('192.0.2.1'), address('192.0.2.2'), address('192.0.2.3')]
const directory: Directory = new Map([
  [2, [a, b, c]],
  [-2, [b]],
])

const hosts = (ranked: Directory, id = 2): string[] =>
  (ranked.get(id) ?? []).map(({ host }) => host.slice(-1))

test('the order is that of the directory before the first measurement', () => {
  assert.equal(hosts(rankingOf(directory).ranked()), ['1', '2', '3'])
})

test('an address that fails moves behind those that do not, measured or not', () => {
  const ranking = rankingOf(directory)
  assert.is(ranking.record(2, a, null), true)
  assert.equal(hosts(ranking.ranked()), ['2', '3', '1'])
  assert.is(ranking.record(2, b, null), true)
  assert.equal(hosts(ranking.ranked()), ['3', '2', '1'])
})

test('a clearly faster address overtakes, a slightly faster one does not', () => {
  const ranking = rankingOf(directory)
  ranking.record(2, a, 100)
  assert.is(ranking.record(2, b, 90), false)
  assert.is(ranking.record(2, c, 50), true)
  assert.equal(hosts(ranking.ranked()), ['3', '1', '2'])
})

test('two addresses that are faster in turns do not change their order', () => {
  const ranking = rankingOf(new Map([[2, [a, b]]]))
  let changes = 0
  for (let round = 0; round < 100; round++) {
    if (ranking.record(2, a, round % 2 ? 40 : 60)) changes++
    if (ranking.record(2, b, round % 2 ? 60 : 40)) changes++
  }
  assert.ok(changes <= 1, `${changes} changes`)
})

test('one failure does not make an address of another datacenter fail', () => {
  const ranking = rankingOf(directory)
  ranking.record(-2, b, null)
  assert.equal(hosts(ranking.ranked()), ['1', '2', '3'])
  assert.equal(hosts(ranking.ranked(), -2), ['2'])
})

test('no measurements lose or double an address, or put one that fails before one that works', () => {
  const measured = fc.record({
    which: fc.constantFrom(a, b, c),
    ms: fc.option(fc.integer({ min: 1, max: 500 })),
  })
  fc.assert(
    fc.property(fc.array(measured), (steps) => {
      const ranking = rankingOf(directory)
      const failing = new Set<string>()
      for (const { which, ms } of steps) {
        const before = hosts(ranking.ranked())
        const changed = ranking.record(2, which, ms)
        assert.is(changed, hosts(ranking.ranked()).join() !== before.join())
        if (ms === null) failing.add(which.host.slice(-1))
        else failing.delete(which.host.slice(-1))
      }
      const order = hosts(ranking.ranked())
      assert.equal([...order].sort(), ['1', '2', '3'])
      assert.equal(
        order.map((host) => failing.has(host)),
        order.map((host) => failing.has(host)).sort(),
      )
    }),
  )
})

test.run()
