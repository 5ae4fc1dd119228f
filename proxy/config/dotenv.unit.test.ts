import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { asUser, folder } from '../../compose/test/kit/examples/scratch-log.ts'
import { readDotenv, readDotenvFile } from './dotenv.ts'
import { readOwnConfig } from './own-config.ts'

const read = (text: string): Record<string, string> =>
  Object.fromEntries(readDotenv(text).assignments.map(({ name, value }) => [name, value]))

test('names, quotes, comments and line ends are read', () => {
  const text = '\uFEFFA=1\r\n# no\n\nexport B = two words # why\nC="a # b" # c\nD=\'x\'\nE=a#b\nF=\nG=#x'
  assert.equal(read(text), { A: '1', B: 'two words', C: 'a # b', D: 'x', E: 'a#b', F: '', G: '' })
  assert.equal(readDotenv(text).mistakes, [])
})

test('a malformed line, a repeated name and an open quote are reported by line, without the value', () => {
  const { mistakes } = readDotenv('A=1\nhunter2\nA=hunter2\nB="hunter2')
  assert.equal(
    mistakes.map((mistake) => /line \d/.exec(mistake)?.[0]),
    ['line 2', 'line 3', 'line 4'],
  )
  assert.not.match(mistakes.join(), 'hunter2')
})

test('plain files read the same as with parseEnv of Node', () => {
  const value = fc.stringMatching(/^(?:[\w.,:/-][\w.,:/ -]*)?$/)
  const line = fc.tuple(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,9}$/), value, fc.constantFrom('', '"', "'"))
  fc.assert(
    fc.property(fc.uniqueArray(line, { selector: ([name]) => name }), (lines) => {
      const text = lines.map(([name, value, quote]) => `${name}=${quote}${value}${quote}`).join('\n')
      assert.equal(read(text), { ...parseEnv(text) })
    }),
  )
})

test('an unreadable .env is reported with its owner and what to do', () => {
  using dir = folder()
  const before = process.cwd()
  process.chdir(dir.path)
  try {
    assert.is(readDotenvFile(), '')
    writeFileSync('.env', '')
    chmodSync('.env', 0)
    asUser(() => assert.throws(readDotenvFile, /^\.env cannot be read \(EACCES\): .*ch(?:own|mod) /))
    rmSync('.env')
    mkdirSync('.env')
    const mistake = '.env cannot be read (EISDIR): it must be a file of lines NAME=value'
    assert.equal(readOwnConfig(), { ok: false, mistakes: [mistake] })
  } finally {
    process.chdir(before)
  }
})

test.run()
