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

test('--help lists every command, and the --help of each begins with its usage', () => {
  const { status, stdout } = run('--help')
  assert.is(status, 0)
  const commands = named(stdout).filter((name) => name !== 'completion')
  assert.ok(commands.length > 10)
  for (const name of commands) {
    const asked = run(name, '--help')
    assert.is(asked.status, 0, `${name}: ${asked.stderr}`)
    assert.match(asked.stdout, `usage: mtscope ${name}`)
  }
})

test('--version prints the version of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is(run('--version').stdout, `mtscope ${version}\n`)
})

test('an unknown command exits 2 and names mtscope --help', () => {
  const { status, stderr } = run('strat')
  assert.is(status, 2)
  assert.match(stderr, 'strat is not a command; mtscope --help lists them')
  assert.is(run().status, 2)
})

test('the old name of a command prints the new one and runs it', () => {
  const { status, stderr, stdout } = run('replay', '--help')
  assert.is(status, 0)
  assert.match(stderr, 'replay is now called events')
  assert.ok(stdout.length > 40)
})

test('mtscope runs through a symbolic link in another folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-link-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  symlinkSync(command, join(folder, 'mtscope'))
  const { status, stdout } = spawnSync(join(folder, 'mtscope'), ['--version'], { encoding: 'utf8' })
  assert.is(status, 0)
  assert.match(stdout, 'mtscope ')
})

test('each shell accepts its completion script', () => {
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
