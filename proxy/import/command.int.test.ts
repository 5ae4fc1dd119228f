import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const secret = 'd6b1f0a9c87e4523901fbad24c6e7318'
const program = join(import.meta.dirname, 'main.ts')

const place = () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'))
  return {
    file: (name: string, text: string): string => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    path: (name: string): string => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

const run = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    input,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('the .env goes to stdout or into a new file that only its owner can read, the rest to stderr', () => {
  using folder = place()
  const config = folder.file(
    'config.py',
    `PORT = 443\nUSERS = {"anna": "${secret}"}\nSTATS_PRINT_PERIOD = 600\n`,
  )
  const printed = run([config])
  assert.is(printed.status, 0)
  assert.match(printed.stdout, `USER1_NAME=anna\nUSER1_SECRET=${secret}\n`)
  assert.match(printed.stderr, 'STATS_PRINT_PERIOD = 600: the status page')
  assert.not.match(printed.stderr, secret)
  const written = run(['--out', folder.path('.env'), config])
  assert.equal([written.status, written.stdout], [0, ''])
  assert.is(readFileSync(folder.path('.env'), 'utf8'), printed.stdout)
  assert.is(statSync(folder.path('.env')).mode & 0o777, 0o600)
  const again = run(['--out', folder.path('.env'), config])
  assert.is(again.status, 1)
  assert.match(again.stderr, 'exists: move it away, or choose another name')
})

test('the standard input is a file, and several files are read together', () => {
  using folder = place()
  const first = folder.file('a.env', `SECRET=${secret}\n`)
  const { status, stdout } = run(
    [first, '-'],
    `SECRET_1=3f9c07be51d24a86b7e0c4912ad5f863\nSECRET_LABEL_1=bo\n`,
  )
  assert.is(status, 0)
  assert.match(stdout, `USER1_SECRET=${secret}\n`)
  assert.match(stdout, 'USER2_NAME=bo\n')
})

test('wrong use, a missing file and a file of another kind end with a code and one line', () => {
  using folder = place()
  const other = folder.file('notes.txt', 'hello\n')
  for (const [args, code, line] of [
    [[], 2, 'no file is given'],
    [['--fast'], 2, '--fast'],
    [[folder.path('gone')], 1, 'cannot be read (ENOENT)'],
    [[other], 2, 'is not a configuration'],
  ] as const) {
    const { status, stdout, stderr } = run(args)
    assert.equal([status, stdout], [code, ''], stderr)
    assert.match(stderr, line)
  }
  assert.match(run(['--help']).stdout, 'usage: mtscope import')
})

test.run()
