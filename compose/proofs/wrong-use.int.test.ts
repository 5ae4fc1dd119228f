import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const run = (program: string, ...words: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, program), ...words], { encoding: 'utf8' })

for (const [program, inHelp, oneOfThem] of [
  ['faults/main.ts', '--rate', /Names:\n( {2}.+\n){5}/],
  ['drill/main.ts', '--together', /Names:\n( {2}.+\n){5}/],
] as const) {
  test(`${program}: wrong options exit 2 before anything starts`, () => {
    for (const [words, reported] of [
      [['--bogus'], '--bogus'],
      [['--only', 'nonexistent'], oneOfThem],
      [['--scale', 'x'], '--scale x: give a number from 0.01 to 10'],
    ] as const) {
      const { status, stdout, stderr } = run(program, ...words)
      assert.is(status, 2, words.join(' '))
      assert.match(stderr, reported)
      assert.match(stderr, 'Exits 0 when')
      assert.is(stdout, '')
    }
  })

  test(`${program}: --help lists every option`, () => {
    const { status, stdout } = run(program, '--help')
    assert.is(status, 0)
    for (const option of [inHelp, '--scale', '--only']) assert.ok(stdout.includes(option), option)
  })
}

test('scale/main.ts: wrong options exit 2 before anything starts; --help lists every option', () => {
  for (const [words, reported] of [
    [['--bogus'], '--bogus'],
    [['--nodes', '0'], '--nodes 0: give a whole number from 1 to 5000'],
    [['--minutes', '90'], '--minutes 90: give a whole number from 1 to 57'],
  ] as const) {
    const { status, stdout, stderr } = run('scale/main.ts', ...words)
    assert.is(status, 2, words.join(' '))
    assert.match(stderr, reported)
    assert.is(stdout, '')
  }
  const { status, stdout } = run('scale/main.ts', '--help')
  assert.is(status, 0)
  for (const option of ['nodes', 'users', 'partitions', 'rows', 'minutes', 'live'])
    assert.match(stdout, `--${option} `)
})

test('soak/main.ts: wrong options exit 2 before anything starts; --help lists every option', () => {
  for (const [words, reported] of [
    [['--bogus'], '--bogus'],
    [['--minutes', '0'], '--minutes 0: give a number from 0.2 to 1440'],
    [['--rate', 'x'], '--rate x: give a number from 1 to 2000'],
  ] as const) {
    const { status, stdout, stderr } = run('soak/main.ts', ...words)
    assert.is(status, 2, words.join(' '))
    assert.match(stderr, reported)
    assert.is(stdout, '')
  }
  const { status, stdout } = run('soak/main.ts', '--help')
  assert.is(status, 0)
  for (const option of ['--minutes N', '--rate N', '--embedded']) assert.match(stdout, option)
})

test('lab/main.ts: wrong options exit 2 before anything starts; --help lists every option', () => {
  for (const [words, reported] of [
    [['--bogus'], '--bogus'],
    [['--only', 'nonexistent'], /Names:\n( {2}.+\n){5}/],
    [['--links', 'wifi'], '--links wifi: give netem or tun'],
    [['--against', 'x'], '--port : give a whole number from 1 to 65535'],
    [['--against', 'x', '--port', '1', '--secret', 'y'], '--secret y: give 32 hex digits, dd and 32'],
  ] as const) {
    const { status, stdout, stderr } = run('lab/main.ts', ...words)
    assert.is(status, 2, words.join(' '))
    assert.match(stderr, reported)
    assert.is(stdout, '')
  }
  const { status, stdout } = run('lab/main.ts', '--help')
  assert.is(status, 0)
  for (const option of ['only', 'side', 'quick', 'links', 'against', 'port', 'secret'])
    assert.match(stdout, `--${option} `)
})

test.run()
