import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const script = join(import.meta.dirname, 'backup.sh')

/** A folder whose PATH has a few programs, and as `docker` the shell script `docker` if given. */
const machine = (docker?: string) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-backup-'))
  const programs = join(path, 'bin')
  mkdirSync(programs)
  for (const name of ['cat', 'cp', 'grep', 'gzip', 'mkdir', 'sh'])
    symlinkSync(`/bin/${name}`, join(programs, name))
  if (docker !== undefined) writeFileSync(join(programs, 'docker'), `#!/bin/sh\n${docker}\n`, { mode: 0o755 })
  const backup = (...words: string[]) =>
    spawnSync('/bin/sh', [script, ...words], { cwd: path, encoding: 'utf8', env: { PATH: programs } })
  return { path, backup, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const unreadable = 'case $2 in version) ;; *) echo "no configuration file" >&2; exit 14 ;; esac'
const proxyAlone = `echo "$*" >>calls
case $2 in
config) echo proxy; echo grafana ;;
ps) echo proxy ;;
run) case "$*" in *czf*) echo data | gzip ;; *xzf*) gzip -d >restored ;; esac ;;
esac`

for (const [where, docker, printed] of [
  ['without docker', undefined, /^backup: docker compose is missing: .+\n$/],
  ['where compose reads no files', unreadable, /run this script in the folder of compose\.yaml/],
] as const) {
  test(`${where} nothing is saved or restored, and one line names the reason`, () => {
    using at = machine(docker)
    mkdirSync(join(at.path, 'old'))
    for (const [command, folder] of [
      ['save', 'new'],
      ['restore', 'old'],
    ] as const) {
      const { status, stderr } = at.backup(command, folder)
      assert.is(status, 1, command)
      assert.match(stderr, printed)
    }
    assert.not.ok(existsSync(join(at.path, 'new')))
  })
}

test('nothing is restored from a missing or incomplete folder', () => {
  using at = machine(proxyAlone)
  assert.is(at.backup('restore', '/nonexistent').status, 1)
  assert.match(at.backup('restore', '/nonexistent').stderr, '/nonexistent is not a folder')
  mkdirSync(join(at.path, 'old'))
  const { status, stderr } = at.backup('restore', 'old')
  assert.is(status, 1)
  assert.match(stderr, 'old/proxy.tar.gz is missing')
})

test('restore brings back the saved data, and save starts the services that ran', () => {
  using at = machine(proxyAlone)
  const saved = at.backup('save', 'new')
  assert.is(saved.status, 0, saved.stderr)
  assert.match(saved.stdout, 'saved new/proxy.tar.gz')
  assert.match(readFileSync(join(at.path, 'calls'), 'utf8'), /compose stop\n[\s\S]*compose up -d proxy\n$/)
  const restored = at.backup('restore', 'new')
  assert.is(restored.status, 0, restored.stderr)
  assert.is(readFileSync(join(at.path, 'restored'), 'utf8'), 'data\n')
})

test('only its owner can read the archive that the README makes before an upgrade, also over an older file', () => {
  using at = machine()
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const lines = readme.split('\n').filter((line) => line.includes('~/mtscope-backup.tar.gz'))
  mkdirSync(join(at.path, 'data'))
  writeFileSync(join(at.path, '.env'), '')
  const file = join(at.path, 'mtscope-backup.tar.gz')
  for (const before of ['missing', 'readable']) {
    if (before === 'readable') chmodSync(file, 0o644)
    const { status, stderr } = spawnSync('/bin/sh', ['-ec', `umask 022\n${lines.join('\n')}`], {
      cwd: at.path,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: at.path },
    })
    assert.is(status, 0, stderr)
    assert.is(statSync(file).mode & 0o777, 0o600, before)
  }
})

test.run()
