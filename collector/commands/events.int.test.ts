import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import { freePorts } from '../../compose/test/services/ports.ts'

const run = (
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  out: 'pipe' | number = 'pipe',
) =>
  spawnSync(process.execPath, [join(import.meta.dirname, program), ...args], {
    cwd: tmpdir(),
    encoding: 'utf8',
    env,
    stdio: ['ignore', out, 'pipe'],
  })

test('where no log is, one line names DATA_DIR', () => {
  using dir = folder()
  const replay = run('replay.ts', ['--from', '1h'], { DATA_DIR: dir.path })
  const rebuild = run('rebuild-command.ts', [dir.path], {})
  for (const { status, stderr } of [replay, rebuild]) {
    assert.is(status, 1)
    assert.match(stderr, new RegExp(`^re[a-z]+: There is no event log .*DATA_DIR=${dir.path} .*\\n$`))
  }
  open(dir.path).close()
  const { status, stderr } = run('rebuild-command.ts', [dir.path], {})
  assert.is(status, 1)
  assert.match(stderr, /^rebuild: There is no snapshot .*DATA_DIR=.*\n$/)
})

test('a wrong question is refused, and says what to ask', () => {
  const wrong = (why: string, ...args: string[]): void => {
    const { status, stdout, stderr } = run('replay.ts', args, {})
    assert.equal([status, stdout], [2, ''])
    assert.match(stderr, why)
  }
  wrong('no type of event: write one of connection.accepted, ', '--from', '1h', '--type', 'bogus')
  wrong('no type of event: write one of config.reloaded\n', '--from', '1h', '--type', 'reloaded')
  wrong('--dc x is no number', '--from', '1h', '--dc', 'x')
  wrong('--from 1h is later than --to 2h', '--from', '1h', '--to', '2h')
})

test('rebuild refuses what it would not use', () => {
  for (const args of [
    ['./data', './x'],
    ['--verify', './data'],
    ['--replace', './data'],
    ['--verify', '--replace'],
  ]) {
    const { status, stderr } = run('rebuild-command.ts', args, {})
    assert.is(status, 2)
    assert.match(stderr, /^rebuild: .*\b(?:leave|choose) .*\n$/)
  }
})

test('what cannot be written is told', () => {
  if (!existsSync('/dev/full')) return
  using dir = folder()
  using log = open(dir.path, { now: Date.now })
  append(log, ['a'])
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = run('replay.ts', ['--from', '2000-01-01'], { DATA_DIR: dir.path }, full)
  closeSync(full)
  assert.is(status, 1)
  assert.match(stderr, /^replay: what was found cannot be written: ENOSPC.*\n$/)
})

test('where no broker is, one line says what to look at', async () => {
  const [port] = await freePorts(1)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'events.ts'), '--from', '1h'],
    {
      cwd: tmpdir(),
      encoding: 'utf8',
      env: { KAFKA_BROKERS: `127.0.0.1:${port}` },
    },
  )
  assert.is(status, 1)
  assert.is(stdout, '')
  assert.match(stderr, /^replay: Kafka did not answer \(unreachable\): .*KAFKA_BROKERS.*\n$/)
})

test.run()
