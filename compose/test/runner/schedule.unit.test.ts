import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { schedule } from './schedule.ts'

/** Tasks that end when the test ends them. */
const stage = (tasks: readonly string[], limit = 2) => {
  const begun: string[] = []
  const waiting = new Set<string>()
  const ends = new Map<string, () => void>()
  let changed = Promise.withResolvers<void>()
  let stop = false
  const done = schedule(
    tasks,
    limit,
    {
      isReady: (task) => !waiting.has(task),
      ready: async (task) => {
        while (waiting.has(task)) await changed.promise
      },
    },
    async (task) => {
      begun.push(task)
      await new Promise<void>((resolve) => ends.set(task, resolve))
      ends.delete(task)
    },
    () => stop,
  )
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    begun,
    waiting,
    done,
    turn,
    running: () => [...ends.keys()],
    end: async (task: string): Promise<void> => {
      ends.get(task)?.()
      await turn()
    },
    install: async (task: string): Promise<void> => {
      waiting.delete(task)
      changed.resolve()
      changed = Promise.withResolvers()
      await turn()
    },
    stop: (): void => {
      stop = true
    },
  }
}

test('no more than the limit run at a time', async () => {
  const { begun, running, end, done } = stage(['a', 'b', 'c', 'd', 'e'])
  for (const task of ['b', 'a', 'c', 'd', 'e']) {
    assert.ok(running().length <= 2)
    await end(task)
  }
  await done
  assert.equal(begun, ['a', 'b', 'c', 'd', 'e'])
})

test('a task that needs nothing runs before one whose server is not there yet', async () => {
  const { begun, waiting, install, end, turn, done } = stage(['kafka', 'redis', 'plain', 'other'], 1)
  assert.equal(begun, ['kafka'])
  waiting.add('redis')
  await end('kafka')
  assert.equal(begun, ['kafka', 'plain'])
  await end('plain')
  await end('other')
  assert.equal(begun, ['kafka', 'plain', 'other'])
  await turn()
  await install('redis')
  await end('redis')
  await done
  assert.equal(begun, ['kafka', 'plain', 'other', 'redis'])
})

test('a stopped run begins nothing more and waits for the tasks that run', async () => {
  const { begun, stop, end, running, done } = stage(['a', 'b', 'c'])
  stop()
  await end('a')
  assert.equal(running(), ['b'])
  await end('b')
  await done
  assert.equal(begun, ['a', 'b'])
})

test.run()
