import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

type Ended = { error?: { code: string }; stderr?: string; signal?: string; status?: number | null }
type Runtime = {
  whyNot: (path: string, ended: Ended, osRelease: string, there?: (path: string) => boolean) => string
  broughtRuntime: (modules: string) => string | undefined
}
const { whyNot, broughtRuntime } = (await import(join(import.meta.dirname, 'runtime.mjs'))) as Runtime

const lacking = (library: string): Ended => ({
  status: 127,
  stderr: `/x/node: error while loading shared libraries: ${library}: cannot open shared object file: No such file or directory\n`,
})
const releases = {
  debian: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n',
  ubuntu: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n',
  mint: 'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
  alma: 'NAME="AlmaLinux"\nID="almalinux"\nID_LIKE="rhel centos fedora"\n',
  fedora: 'ID=fedora\n',
  amazon: "ID='amzn'\nID_LIKE='fedora'\n",
  suse: 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
  arch: 'ID=arch\n',
} as const
const every = (): boolean => true

for (const [name, command] of [
  ['debian', 'apt-get update && apt-get install -y libatomic1'],
  ['ubuntu', 'apt-get update && apt-get install -y libatomic1'],
  ['mint', 'apt-get update && apt-get install -y libatomic1'],
  ['alma', 'dnf install -y libatomic'],
  ['fedora', 'dnf install -y libatomic'],
  ['amazon', 'dnf install -y libatomic'],
  ['suse', 'zypper install -y libatomic1'],
  ['arch', 'pacman -S --noconfirm gcc-libs'],
] as const)
  test(`without libatomic, the line names the command of ${name}`, () => {
    assert.is(
      whyNot('/x/node', lacking('libatomic.so.1'), releases[name], every),
      `Node 26 needs libatomic.so.1, which is missing: as root, ${command}`,
    )
  })

test('on a minimal image of Alma the command is microdnf', () => {
  const there = (path: string): boolean => path === '/usr/bin/microdnf'
  const line = whyNot('/x/node', lacking('libatomic.so.1'), releases.alma, there)
  assert.match(line, /as root, microdnf install -y libatomic$/)
})

test('for another library or distribution the line names no command', () => {
  const line = 'install the package of your distribution that contains it'
  assert.match(whyNot('/x/node', lacking('libatomic.so.1'), 'ID=void', every), line)
  assert.match(whyNot('/x/node', lacking('libatomic.so.1'), '', every), line)
  assert.match(whyNot('/x/node', lacking('libodd.so.7'), releases.debian, every), /libodd\.so\.7.*install/)
})

test('musl, an old glibc, a file system without programs and another processor are one line each', () => {
  const old = "node: /lib64/libc.so.6: version `GLIBC_2.28' not found (required by node)\nanother line\n"
  for (const [ended, printed] of [
    [{ error: { code: 'ENOENT' }, status: null }, /needs glibc.*Alpine.*Node 26/],
    [{ status: 1, stderr: old }, /too old for Node 26 \(GLIBC_2\.28 is missing\)/],
    [{ error: { code: 'EACCES' }, status: null }, /\/x\/node cannot be run \(EACCES\).*noexec/],
    [{ status: null, signal: 'SIGILL', stderr: '' }, /SIGILL.*processor/],
    [{ status: 3, stderr: '' }, /exit 3/],
  ] as const) {
    const line = whyNot('/x/node', ended, releases.debian, every)
    assert.match(line, printed)
    assert.not.match(line, '\n')
  }
})

/** A folder with the scripts that npm runs; `runtime` makes the packages' Node. */
const place = (runtime: (path: string) => void) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope runtime-'))
  mkdirSync(join(path, 'compose/npm'), { recursive: true })
  for (const name of ['run.sh', 'runtime.mjs'])
    copyFileSync(join(import.meta.dirname, name), join(path, 'compose/npm', name))
  const brought = broughtRuntime(join(path, 'node_modules'))
  if (brought !== undefined) {
    mkdirSync(dirname(brought), { recursive: true })
    runtime(brought)
  }
  const run = (...words: string[]) =>
    spawnSync('/bin/sh', ['compose/npm/run.sh', ...words], {
      cwd: path,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, npm_node_execpath: process.execPath },
    })
  return { path, run, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('a script runs on the Node of the packages, even without a link by npm', () => {
  using at = place((path) => symlinkSync(process.execPath, path))
  assert.not.ok(existsSync(join(at.path, 'node_modules/.bin')))
  const { status, stdout, stderr } = at.run('sh', '-c', 'command -v node; exit 7')
  assert.is(stdout.trim(), broughtRuntime(join(at.path, 'node_modules')) ?? process.execPath, stderr)
  assert.is(status, 7)
})

test('where the Node of the packages cannot run, a system Node that is new enough runs instead', () => {
  using at = place((path) => writeFileSync(path, '#!/bin/sh\nexit 127\n', { mode: 0o755 }))
  const { stdout, stderr } = at.run('node', '-p', 'process.execPath')
  assert.is(stdout.trim(), process.execPath, stderr)
})

test('every npm script installs packages first and runs on their Node', async () => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
  const scripts: Readonly<Record<string, string>> = manifest.scripts
  for (const [name, command] of Object.entries(scripts)) {
    if (name.startsWith('pre')) assert.is(command, 'exec sh compose/npm/setup.sh --dev')
    else if (command !== `exec sh compose/npm/mtscope ${name}`) {
      assert.match(command, /^exec sh compose\/npm\/run\.sh (node|c8|biome|tsc) /)
      assert.ok(`pre${name}` in scripts, name)
    }
  }
})

test.run()
