import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const program = join(import.meta.dirname, 'main.ts')

test('wrong options exit 2 before anything starts', () => {
  for (const [words, reported] of [
    [['--people', '1e9'], '--people 1e9: give a whole number from 1 to 1000'],
    [['--people', '2.5'], 'whole number'],
    [['--minutes', '0'], '--minutes 0: give a number above 0'],
    [['--minutes', '1e12'], 'at most'],
    [['--bogus'], '--bogus'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' })
    assert.is(status, 2, words.join(' '))
    assert.match(stderr, reported)
    assert.match(stderr, 'usage: mtscope demo')
    assert.is(stdout, '')
  }
})

test('a signal during the start ends the demo with one line', async () => {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.once('data', () => child.kill('SIGINT'))
  let reported = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    reported += text
  })
  assert.equal(await once(child, 'close'), [130, null])
  assert.is(reported, 'stopped before it was ready\n')
})

test.run()
