import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../compose/test/until.ts'
import { systemCalls } from './system-calls.ts'
import { rssBytes, spent, treeOf, usageOf } from './usage.ts'

test('CPU, memory and wake-ups are those of a process with its children and grandchildren', async () => {
  const script = 'sh -c "while :; do :; done & wait" & wait'
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true })
  const pid = child.pid!
  try {
    await until(() => treeOf(pid).length >= 3, 'the grandchild runs')
    const before = usageOf(pid)
    await until(() => spent(before, usageOf(pid)).cpuSeconds > 0.05, 'its CPU is counted')
    assert.ok(rssBytes(pid) > rssBytes(treeOf(pid).at(-1)!))
  } finally {
    process.kill(-pid, 'SIGKILL')
    await once(child, 'close')
  }
  assert.is(rssBytes(pid), 0)
})

test('CPU of children that have ended is counted', async () => {
  const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
  const child = spawn('/bin/sh', ['-c', `sh -c '${busy}'; read line`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const pid = child.pid!
  const before = usageOf(pid)
  await until(() => usageOf(pid).seconds > 0.02 && treeOf(pid).length === 1, 'the child has worked and ended')
  assert.ok(spent({ ...before, seconds: 0 }, usageOf(pid)).cpuSeconds > 0)
  child.stdin.end()
  await once(child, 'close')
})

test('system calls are counted, or the reason is given', async () => {
  const child = spawn('/bin/sh', ['-c', 'while read line; do :; done'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  try {
    const count = await systemCalls(child.pid!, async () => {
      // `read` of dash reads byte by byte.
      child.stdin.write(`${'x'.repeat(500)}\n`)
      await until(() => child.stdin.writableLength === 0, 'written')
      await until(() => usageOf(child.pid!).threads.size > 0, 'alive')
    })
    assert.ok(count >= 0)
  } catch (error) {
    assert.match(String(error), /no system call can be counted: .*perf.*; .*strace/)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})

test.run()
