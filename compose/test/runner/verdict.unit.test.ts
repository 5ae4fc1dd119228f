import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ending, verdict } from './verdict.ts'

const closing = (total: number, passed: number, skipped = 0): string =>
  `\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n\n`

const of = (ending: Partial<Ending>) =>
  verdict({ counts: 'uvu', code: 0, output: closing(2, 2), complaints: [], ...ending })

const counted = (ending: Partial<Ending>): number[] => {
  const { passed, failed, skipped } = of(ending)
  return [passed, failed, skipped]
}

test('tests are counted from the closing lines', () => {
  assert.equal(counted({}), [2, 0, 0])
  assert.equal(counted({ code: 1, output: closing(5, 3, 1) }), [3, 2, 1])
})

test('a file that forgets test.run() fails', () => {
  assert.equal(counted({ output: '' }), [0, 1, 0])
})

test('a file without tests fails, one whose tests are all skipped does not', () => {
  assert.equal(counted({ output: closing(0, 0) }), [0, 1, 0])
  assert.equal(counted({ output: closing(0, 0, 2) }), [0, 0, 2])
})

test('a throwing hook fails, although uvu exits with 0', () => {
  assert.equal(counted({ output: closing(2, 0) }), [0, 2, 0])
})

test('a crash after the last test fails, and so does a signal', () => {
  assert.equal(counted({ code: 7 }), [2, 1, 0])
  assert.equal(counted({ code: null }), [2, 1, 0])
})

test('a complaint makes a passed file fail', () => {
  assert.equal(counted({ complaints: ['it left processes behind'] }), [2, 1, 0])
})

test('the reason of a skip is reported', () => {
  assert.equal(of({ output: `skipped: x (y is missing)\n${closing(0, 0, 1)}` }).reasons, ['x (y is missing)'])
})

test('a tool counts as one test', () => {
  assert.equal(counted({ counts: 'exit', output: '' }), [1, 0, 0])
  assert.equal(counted({ counts: 'exit', output: '', code: 1 }), [0, 1, 0])
})

test.run()
