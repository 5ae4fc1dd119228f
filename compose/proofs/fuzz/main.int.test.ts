import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { targets } from './targets.ts'

const fuzz = (...words: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], { encoding: 'utf8' })

test('a short run of all targets passes, also with a stressed collector of garbage', () => {
  const { status, stdout, stderr } = fuzz('--cases', '2000', '--seed', '1')
  assert.is(status, 0, stderr)
  for (const { name, runs, native } of targets) {
    if (runs === false) continue
    assert.match(stdout, new RegExp(`^\\| ${name} \\| \\d+ \\| \\d+ \\| 0 \\| 0 \\| 0 \\| 0 \\| 0 \\|`, 'm'))
    if (native === true) assert.match(stdout, `| ${name} --stress-compaction |`)
  }
  assert.match(stdout, /^\d+ cases in \d+ s, seed 1: passed$/m)
})

test('one case prints its outcome, the same each time', () => {
  const [one, again] = [1, 2].map(() => fuzz('--only', 'records', '--case', '7'))
  assert.is(one?.status, 0, one?.stderr)
  assert.match(one?.stdout ?? '', /^records, \d+ bytes: \{"outcome":".+"\}$/m)
  assert.is(one?.stdout, again?.stdout)
})

test('wrong options exit 2 and name the option', () => {
  for (const [words, reported] of [
    [['--bogus'], '--bogus'],
    [['--only', 'nonexistent'], /Names:\n( {2}.+\n){5}/],
    [['--cases', '0'], '--cases 0: give a whole number from 1'],
    [['--seed', 'x'], '--seed x: give a whole number'],
    [['--case', '7'], '--case and --file need --only with the whole name of a target'],
  ] as const) {
    const { status, stdout, stderr } = fuzz(...words)
    assert.is(status, 2, words.join(' '))
    assert.match(stderr, reported)
    assert.match(stderr, 'Exits 0 when')
    assert.is(stdout, '')
  }
  const { status, stdout } = fuzz('--help')
  assert.is(status, 0)
  for (const option of ['--only', '--cases', '--keep', '--case', '--file', '--flags'])
    assert.ok(stdout.includes(option), option)
})

test.run()
