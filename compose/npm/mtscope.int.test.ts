import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { find } from '../test/services/debian.ts'

const command = join(import.meta.dirname, 'mtscope')
const root = join(import.meta.dirname, '../..')
const run = (...args: string[]) =>
  spawnSync(command, args, {
    cwd: tmpdir(),
    encoding: 'utf8',
    env: { PATH: process.env.PATH, npm_node_execpath: process.execPath },
  })
const named = (text: string): string[] =>
  [...text.matchAll(/^ {2}(\w+) {2,}\w/gm)].map(([, name = '']) => name)

test('--help names every command, and each of them has a --help of its own', () => {
  const { status, stdout } = run('--help')
  assert.is(status, 0)
  const commands = named(stdout).filter((name) => name !== 'completion')
  assert.ok(commands.length > 10)
  for (const name of commands) {
    const asked = run(name, '--help')
    assert.is(asked.status, 0, `${name}: ${asked.stderr}`)
    assert.ok(asked.stdout.length > 40, name)
  }
})

test('--version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is(run('--version').stdout, `mtscope ${version}\n`)
})

test('a wrong command ends with 2 and says where to look', () => {
  const { status, stderr } = run('strat')
  assert.is(status, 2)
  assert.match(stderr, 'strat is not a command; mtscope --help lists them')
  assert.is(run().status, 2)
})

test('the old name of a command answers with the new one and runs it', () => {
  const { status, stderr, stdout } = run('replay', '--help')
  assert.is(status, 0)
  assert.match(stderr, 'replay is now called events')
  assert.ok(stdout.length > 40)
})

test('it runs through a link from another folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-link-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  symlinkSync(command, join(folder, 'mtscope'))
  const { status, stdout } = spawnSync(join(folder, 'mtscope'), ['--version'], { encoding: 'utf8' })
  assert.is(status, 0)
  assert.match(stdout, 'mtscope ')
})

test('the completions are scripts that their shells accept', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { status, stdout } = run('completion', shell)
    assert.is(status, 0, shell)
    assert.match(stdout, 'doctor', shell)
    const path = find(shell)
    if (path === null) continue
    assert.is(spawnSync(path, ['-n'], { input: stdout }).status, 0, shell)
  }
  assert.is(run('completion', 'tcsh').status, 2)
})

test.run()
