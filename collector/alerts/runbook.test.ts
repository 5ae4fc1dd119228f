import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rules } from './rules.ts'

test('every rule has a section in the runbook', () => {
  const sections = [...readFileSync(new URL('RUNBOOK.md', import.meta.url), 'utf8').matchAll(/^## (\S+)$/gm)]
  const names = new Set(sections.map(([, name]) => name))
  for (const rule of Object.keys(rules)) assert.ok(names.has(rule), rule)
})

test.run()
