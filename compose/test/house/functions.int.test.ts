import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exceptions, longFunctions } from './functions.ts'

// The linter itself fails on a long function that is not excepted; this holds the list of exceptions in biome.jsonc.

const root = join(import.meta.dirname, '../../..')
const excepted = exceptions(root)

test('biome.jsonc excepts only files that have a function of more than 60 lines', () => {
  const paths = excepted.map(({ path }) => path)
  const long = new Set(paths.length === 0 ? [] : longFunctions(root, paths).map(({ path }) => path))
  assert.equal(
    paths.filter((path) => !long.has(path)),
    [],
    'remove these lines from biome.jsonc',
  )
})

test('each exception gives its reason', () => {
  const without = excepted.filter(({ reason }) => reason === '')
  assert.equal(without, [])
})

test('a long function is found with its file, line and length', () => {
  const folder = mkdtempSync(join(tmpdir(), 'long-'))
  try {
    const body = Array.from({ length: 70 }, (_, n) => `  process.stdout.write('${n}')\n`).join('')
    writeFileSync(
      join(folder, 'long.ts'),
      `export const short = () => {}\nexport const long = () => {\n${body}}\n`,
    )
    const found = longFunctions(root, [folder])
    assert.equal(
      found.map(({ line, lines }) => [line, lines]),
      [[2, 70]],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
