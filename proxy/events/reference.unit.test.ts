import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { EventType } from './contract.ts'
import { generate, readme } from './reference.ts'
import { shapes } from './shapes.ts'

const generated = generate()

test('README.md is generated from contract.ts', () => {
  assert.fixture(readFileSync(readme, 'utf8'), generated, 'run: node proxy/events/reference.ts')
})

test('the reference lists every type, and every field that shapes.ts checks', () => {
  const sections = new Map(
    generated.split('\n### ').map((section): [string, string] => [section.split(' ')[0] ?? '', section]),
  )
  for (const type of Object.keys(shapes) as EventType[]) {
    const fields = [...(sections.get(type) ?? '').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    assert.equal(fields.sort(), Object.keys(shapes[type]).sort(), type)
  }
})

test.run()
