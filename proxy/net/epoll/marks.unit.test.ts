import { existsSync, readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../../../compose/test/kit/skip.ts'
import { nativeEngine } from './engine.ts'
import { libc } from './libc.ts'
import { markingLibc } from './marking-libc.ts'
import { descriptorMarks, markedDescriptors, setMark } from './marks.ts'

test('marks are found until they are removed', () => {
  const memory = descriptorMarks()
  const marks = new Uint8Array(memory)
  for (const fd of [0, 7, 8, 1_000, 2 ** 20 - 1, 2 ** 20]) setMark(marks, fd, true)
  setMark(marks, 8, false)
  assert.equal(markedDescriptors(memory), [0, 7, 1_000, 2 ** 20 - 1])
})

const native = skipUnless(test, libc !== null, 'the native engine runs on Linux')

native('every descriptor that the engine opens is marked while it is open', async () => {
  const memory = descriptorMarks()
  const own = (): string[] => {
    const there = readdirSync('/proc/self/fd')
    // Without the one that `readdir` itself had open.
    return there.filter((fd) => existsSync(`/proc/self/fd/${fd}`))
  }
  const before = new Set(own())
  const engine = nativeEngine(65_536, () => {}, markingLibc(libc!, memory))
  assert.ok(engine)
  engine.waker!()
  const listening = await engine.listen({
    host: '127.0.0.1',
    port: 0,
    userTimeoutMs: 1_000,
    accepted: () => {},
    exhausted: () => {},
  })
  engine.dial(
    '127.0.0.1',
    listening.port,
    () => {},
    () => {},
  )
  const marked = markedDescriptors(memory)
  const opened = own().filter((fd) => !before.has(fd))
  assert.ok(marked.length >= 7)
  assert.equal(marked.map(String), opened)
  listening.close()
  engine.stop()
  assert.is(markedDescriptors(memory).length, marked.length - 1)
  for (const fd of markedDescriptors(memory)) libc!.close(fd)
})

test.run()
