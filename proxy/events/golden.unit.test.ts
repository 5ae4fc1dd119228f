import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeEvent, encodeEvents } from './codec.ts'
import type { EventType, ProxyEvent } from './contract.ts'
import { examples } from './examples.ts'
import { chains } from './upcast.ts'

const fixtures = new URL('fixtures/', import.meta.url)
// A new event or version: write `encodeEvents` of its example, without the brackets, to fixtures/TYPE@VERSION.json.
const golden = (type: EventType, v: number): string =>
  readFileSync(new URL(`${type}@${v}.json`, fixtures), 'utf8').trimEnd()

for (const type of Object.keys(examples) as EventType[]) {
  const newest = chains[type].length + 1

  test(`${type}@${newest}: the codec still writes the golden bytes`, () => {
    assert.is(encodeEvents([examples[type] as ProxyEvent]), `[${golden(type, newest)}]`)
  })

  for (let v = 1; v <= newest; v++) {
    test(`${type}@${v}: the golden bytes are read as the example`, () => {
      assert.equal(decodeEvent(JSON.parse(golden(type, v))), { event: examples[type] })
    })
  }
}

test('the golden files are those of every shipped type and version', () => {
  const shipped = Object.entries(chains).flatMap(([type, chain]) =>
    Array.from({ length: chain.length + 1 }, (_, n) => `${type}@${n + 1}.json`),
  )
  assert.equal(readdirSync(fixtures).sort(), shipped.sort())
})

test.run()
