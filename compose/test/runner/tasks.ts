import { join } from 'node:path'
import { filesOf } from '../sources/files.ts'
import { kinds, type Options } from './options.ts'
import type { Task } from './task.ts'

// A bound for tests that hang; no test fails because the machine is slow.
const limitMs = 600_000
// Ten containers, started twice.
const stackLimitMs = 1_200_000

/** The test of the container stack mostly waits, so it runs next to the others. */
export const isStack = ({ name }: Pick<Task, 'name'>): boolean => name.endsWith('stack.e2e.test.ts')

const quick = /\.unit\.test\.ts$/
const slow = /e2e\.test|faults|kafka|fleet|ship/

/** Quick results first; then the slow tests, so that none of them runs alone at the end. */
const turnOf = ({ name, counts }: Task): number =>
  counts === 'exit' || quick.test(name) ? 0 : slow.test(name) ? 1 : 2

const toolsOf = (root: string): readonly Task[] => {
  const bin = (name: string): string => join(root, 'node_modules/.bin', name)
  return [
    {
      name: 'lint',
      command: [bin('biome'), 'ci', '--colors=off', '--error-on-warnings', '.'],
      limitMs,
      counts: 'exit',
    },
    { name: 'types', command: [bin('tsc'), '-p', '.'], limitMs, counts: 'exit' },
  ]
}

/** What a run has to do, in the order in which it begins. */
export const tasksOf = (
  root: string,
  { kinds: chosen, words }: Pick<Options, 'kinds' | 'words'>,
): readonly Task[] => {
  const ofKind = new RegExp(`\\.(?:${(chosen.length > 0 ? chosen : kinds).join('|')})\\.test\\.ts$`)
  const tests = filesOf(root, ofKind).map(
    (name): Task => ({
      name,
      command: [process.execPath, '--import', join(import.meta.dirname, 'leave.ts'), name],
      limitMs: isStack({ name }) ? stackLimitMs : limitMs,
      counts: 'uvu',
    }),
  )
  return [...(chosen.length > 0 ? [] : toolsOf(root)), ...tests]
    .filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
    .sort((a, b) => turnOf(a) - turnOf(b))
}
