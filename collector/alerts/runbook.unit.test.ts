import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rules } from './rules/rules.ts'

const text = readFileSync(new URL('RUNBOOK.md', import.meta.url), 'utf8')

test('every rule has a section in the runbook', () => {
  const sections = [...text.matchAll(/^## (\S+)$/gm)]
  const names = new Set(sections.map(([, name]) => name))
  for (const rule of Object.keys(rules)) assert.ok(names.has(rule), rule)
})

test('every section has meaning, impact, what to check first and what to do, in this order', () => {
  for (const section of text.split(/^## /m).slice(1)) {
    const labels = [...section.matchAll(/^\*\*([^*]+)\.\*\* /gm)].map(([, label]) => label)
    assert.equal(labels, ['Meaning', 'Impact', 'Check first', 'Do'], section.split('\n', 1)[0])
  }
})

test('every section has a step: a command, a setting, or another section', () => {
  const sections = text.split(/^## /m).slice(1)
  const names = new Set(sections.map((section) => section.split('\n', 1)[0]))
  for (const section of sections) {
    const [name] = section.split('\n', 1)
    const words = [...section.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
    const isAction = (word: string): boolean =>
      /^(?:npm run|docker compose|systemctl|compose\/|[A-Z]+_[A-Z_]+$)/.test(word) ||
      (word !== name && names.has(word))
    assert.ok(words.some(isAction), name)
  }
})

test.run()
