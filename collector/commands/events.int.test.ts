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

test('a missing event log is one line that names DATA_DIR', () => {
  using dir = folder()
  const events = run('events.ts', ['--from', '1h'], { DATA_DIR: dir.path })
  const rebuild = run('rebuild.ts', [dir.path], {})
  for (const { status, stderr } of [events, rebuild]) {
    assert.is(status, 1)
    assert.match(stderr, new RegExp(`^(?:events|rebuild): .*event log.*DATA_DIR=${dir.path} .*\\n$`))
  }
  open(dir.path).close()
  const { status, stderr } = run('rebuild.ts', [dir.path], {})
  assert.is(status, 1)
  assert.match(stderr, /^rebuild: DATA_DIR=.* has no snapshot of the collector yet.*\n$/)
})

test('a wrong option is refused with a correction', () => {
  const wrong = (why: string, ...args: string[]): void => {
    const { status, stdout, stderr } = run('events.ts', args, {})
    assert.equal([status, stdout], [2, ''])
    assert.match(stderr, why)
  }
  wrong('is not a type of event: write one of connection.accepted, ', '--from', '1h', '--type', 'bogus')
  wrong('is not a type of event: write one of config.reloaded\n', '--from', '1h', '--type', 'reloaded')
  wrong('--dc x is not the number of a datacenter', '--from', '1h', '--dc', 'x')
  wrong('--from 1h is later than --to 2h', '--from', '1h', '--to', '2h')
})

test('rebuild refuses options that it would ignore', () => {
  for (const args of [
    ['./data', './x'],
    ['--verify', './data'],
    ['--replace', './data'],
    ['--verify', '--replace'],
  ]) {
    const { status, stderr } = run('rebuild.ts', args, {})
    assert.is(status, 2)
    assert.match(stderr, /^rebuild: .*\b(?:leave|choose) .*\n$/)
  }
})

test('a full disk is reported, with exit code 1', () => {
  if (!existsSync('/dev/full')) return
  using dir = folder()
  using log = open(dir.path, { now: Date.now })
  append(log, ['a'])
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = run('events.ts', ['--from', '2000-01-01'], { DATA_DIR: dir.path }, full)
  closeSync(full)
  assert.is(status, 1)
  assert.match(stderr, /^events: cannot write the events to stdout: ENOSPC.*\n$/)
})

test('without a broker, one line names KAFKA_BROKERS', async () => {
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
  assert.match(stderr, /^events: Kafka did not answer \(unreachable\): .*KAFKA_BROKERS.*\n$/)
})

test.run()
