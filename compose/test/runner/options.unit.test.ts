import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Options, readOptions, usage } from './options.ts'

const read = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Options => {
  const options = readOptions(args, env)
  if ('exit' in options) throw new Error(options.text)
  return options
}

test('without options every kind runs, and nothing is built from source', () => {
  assert.equal(read([]), { kinds: [], words: [], build: false, strict: false, watch: false })
})

test('kinds add up, words are kept', () => {
  const { kinds, words } = read(['--e2e', 'kafka', '--unit', 'ship'])
  assert.equal(kinds, ['unit', 'e2e'])
  assert.equal(words, ['kafka', 'ship'])
})

test('--all builds from source; CI=true also counts skipped tests as failed', () => {
  assert.equal([read(['--all']).build, read(['--all']).strict], [true, false])
  const ci = read([], { CI: 'true' })
  assert.equal([ci.build, ci.strict], [true, true])
  assert.is(read([], { CI: '1' }).strict, false)
})

test('--watch watches', () => {
  assert.is(read(['--watch']).watch, true)
})

test('--help prints the usage and exits with 0', () => {
  assert.equal(readOptions(['--help'], {}), { exit: 0, text: usage })
  assert.equal(readOptions(['-h'], {}), { exit: 0, text: usage })
})

test('an unknown option exits with 2 and names the option', () => {
  for (const wrong of ['--units', '--kafka', '-x', '--unit=yes']) {
    const answer = readOptions([wrong], {})
    if (!('exit' in answer)) throw new Error(wrong)
    assert.is(answer.exit, 2)
    assert.match(answer.text, wrong.split('=')[0]!)
    assert.match(answer.text, 'usage: npm test')
  }
})

test.run()
