import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryTree } from './temporary-tree.ts'

/** A property that large numbers break. */
const planted = `
test('planted', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1_000_000 }), (n) => n < 999_000))
})`

test('a planted fault is found, and its seed is printed and repeats it', async () => {
  using tree = temporaryTree({ 'proxy/planted.unit.test.ts': planted })
  const { ended, printed } = tree.properties('--seconds', '3')
  assert.is(await ended, 1, printed())
  assert.match(printed(), /^FAIL proxy\/planted\.unit\.test\.ts: 1 properties, \d+ cases$/m)
  assert.match(printed(), /Counterexample: \[999000\]/)
  const seed = /seed: (-?\d+)/.exec(printed())?.[1] ?? ''
  const again = tree.properties('--seconds', '3', `--seed=${seed}`)
  assert.is(await again.ended, 1, again.printed())
  assert.match(again.printed(), `seed: ${seed}`)
})

test('properties that hold are run for their time, and their cases are counted', async () => {
  using tree = temporaryTree({ 'proxy/a.unit.test.ts': planted.replace('999_000', '2_000_000') })
  const { ended, printed } = tree.properties('--seconds', '1')
  assert.is(await ended, 0, printed())
  const [, cases] = /^(\d+) cases of 1 properties in 1 s, 0 failed$/m.exec(printed()) ?? []
  assert.ok(Number(cases) > 100)
})

test('wrong options exit with 2 and name the option', async () => {
  using tree = temporaryTree({ 'proxy/a.unit.test.ts': planted })
  for (const [args, message] of [
    [['--seconds', 'x'], '--seconds x: give a number above 0'],
    [['--seed', 'x'], '--seed x: give a whole number'],
    [['--fast'], "Unknown option '--fast'"],
    [['kafka'], 'no property test has "kafka" in its path'],
  ] as const) {
    const { ended, printed } = tree.properties(...args)
    assert.is(await ended, 2)
    assert.match(printed(), message)
  }
})

test.run()
