import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { folder, open } from '../../compose/test/kit/examples/scratch-log.ts'

/** Lets a child write until it has printed `lines` lines, kills it, and returns the last line. */
const writeAndKill = async (dataDir: string, lines: number) => {
  const program = new URL('../../compose/test/kit/processes/endless-writer.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  try {
    let boot = ''
    let last = { row: 0, seq: 0 }
    let count = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const [first, second, events] = line.split(' ')
      if (first === 'boot') boot = second ?? ''
      else last = { row: Number(first), seq: Number(second) + Number(events) - 1 }
      if (count++ === lines) child.kill('SIGKILL') // what it printed until then is still read
    }
    return { boot, ...last }
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}

test('kill -9 at any moment: every returned append is there, and seq has neither gap nor repeat', async () => {
  using dir = folder()
  const killed: Awaited<ReturnType<typeof writeAndKill>>[] = []
  for (const lines of [30, 200, 700]) killed.push(await writeAndKill(dir.path, lines))

  using log = open(dir.path)
  const lastSeq = new Map<string, number>()
  let lastRow = 0
  await log.tail(0, (batch, row) => {
    assert.is(row, lastRow + 1)
    assert.is(batch.seq, (lastSeq.get(batch.boot) ?? 0) + 1)
    lastRow = row
    lastSeq.set(batch.boot, batch.seq + batch.events.length - 1)
  }).caughtUp
  assert.equal(
    [...lastSeq.keys()],
    killed.map(({ boot }) => boot),
  )
  for (const { boot, seq, row } of killed) {
    assert.ok((lastSeq.get(boot) ?? 0) >= seq, `${seq} was acknowledged`)
    assert.ok(lastRow >= row)
  }
  assert.is(log.stats.lost.unreadable, 0)
})

test.run()
