import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../until.ts'
import { temporaryTree } from './temporary-tree.ts'

const passes = "test('a', () => {})"

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('--unit, --int, --e2e and words choose tests; the sums close the output', async () => {
  using tree = temporaryTree({
    'proxy/a.unit.test.ts': passes,
    'proxy/b.int.test.ts': passes,
    'compose/c.e2e.test.ts': passes,
  })
  for (const [args, names] of [
    [['--unit'], ['proxy/a.unit']],
    [
      ['--int', '--e2e'],
      ['compose/c.e2e', 'proxy/b.int'],
    ],
    [
      ['--unit', '--int', '--e2e', 'proxy'],
      ['proxy/a.unit', 'proxy/b.int'],
    ],
  ] as const) {
    const { ended, printed } = tree.test(...args)
    assert.is(await ended, 0, printed())
    const ran = [...printed().matchAll(/^ok .* s {2}(\S+)\.test\.ts: 1 passed$/gm)].map(([, name]) => name)
    assert.equal(ran.sort(), names)
    assert.match(printed(), new RegExp(`\n${names.length} passed, 0 failed, 0 skipped\n$`))
  }
})

test('a failed test and an empty choice exit with 1, wrong options with 2', async () => {
  using tree = temporaryTree({ 'proxy/a.unit.test.ts': "test('a', () => { throw new Error('x') })" })
  const failed = tree.test('--unit')
  assert.is(await failed.ended, 1)
  assert.match(failed.printed(), /^FAIL .* proxy\/a\.unit\.test\.ts: 0 passed, 1 failed$/m)
  const empty = tree.test('--unit', 'kafka')
  assert.is(await empty.ended, 1)
  assert.match(empty.printed(), 'no test has "kafka" in its name')
  const wrong = tree.test('--fast')
  assert.is(await wrong.ended, 2)
  assert.match(wrong.printed(), "Unknown option '--fast'")
})

/** A test that runs for 300 ms and then writes how many tests run at that time. */
const counting = `
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
test('a', async () => {
  mkdirSync('running/' + process.pid, { recursive: true })
  // Time itself is the test here.
  await new Promise((done) => setTimeout(done, 300))
  writeFileSync('most-' + process.pid, String(readdirSync('running').length))
  rmdirSync('running/' + process.pid)
})`

test('two tests run at a time for each core, and the test of the stack next to them', async () => {
  const most = 2 * availableParallelism()
  const names = Array.from({ length: most + 2 }, (_, at) => `t${at}.int`)
  using tree = temporaryTree(
    Object.fromEntries([...names, 'stack.e2e'].map((name) => [`proxy/${name}.test.ts`, counting])),
  )
  const { ended, printed } = tree.test('--int', '--e2e')
  assert.is(await ended, 0, printed())
  const counts = readdirSync(tree.root)
    .filter((name) => name.startsWith('most-'))
    .map((name) => Number(readFileSync(join(tree.root, name), 'utf8')))
  assert.is(counts.length, names.length + 1)
  assert.ok(counts.every((count) => count <= most + 1))
})

test('SIGINT ends every test with the processes that it started, prints the sums and exits with 130', async () => {
  using tree = temporaryTree({
    'proxy/a.unit.test.ts': `
      import { spawn } from 'node:child_process'
      import { writeFileSync } from 'node:fs'
      test('a', () => new Promise(() => {
        const child = spawn('sleep', ['600'], { stdio: 'ignore' })
        child.on('spawn', () => writeFileSync('pids', process.pid + ' ' + child.pid + ' '))
      }))`,
    'proxy/b.unit.test.ts': passes,
  })
  const { child, ended, printed } = tree.test('--unit')
  const file = join(tree.root, 'pids')
  const pids = await until(() => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    return text.endsWith(' ') ? text.trim().split(' ').map(Number) : null
  }, 'the test has started a process')
  child.kill('SIGINT')
  assert.is(await ended, 130)
  assert.match(printed(), / failed, 0 skipped\n$/)
  for (const pid of pids) assert.not(alive(pid))
})

test('--watch runs again after a change, and SIGINT ends it', async () => {
  using tree = temporaryTree({ 'proxy/a.unit.test.ts': passes })
  const { child, ended, printed } = tree.test('--unit', '--watch')
  await until(() => printed().includes('waiting for a change'), 'the first run is over')
  tree.put('proxy/a.unit.test.ts', `${passes}\ntest('b', () => {})`)
  await until(() => printed().includes('2 passed, 0 failed'), 'the second run is over')
  await until(() => printed().match(/waiting for a change/g)?.length === 2, 'it watches again')
  child.kill('SIGINT')
  assert.is(await ended, 130)
})

test.run()
