import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Result, runTask } from './task.ts'

const uvu = pathToFileURL(join(import.meta.dirname, '../../../node_modules/uvu/dist/index.mjs')).href

/** Runs a test file with this body, as `npm test` does. */
const running = async (body: string, limitMs = 60_000): Promise<Result> => {
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-'))
  try {
    const file = join(folder, 'some.test.ts')
    await writeFile(file, `import { test } from '${uvu}'\n${body}\n`)
    return await runTask({ name: file, command: [process.execPath, file], limitMs, counts: 'uvu' }, folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a file whose tests pass passes', async () => {
  const { passed, failed } = await running("test('a', () => {})\ntest.run()")
  assert.equal([passed, failed], [1, 0])
})

test('a throwing before, a forgotten run and an early exit fail', async () => {
  for (const body of [
    "test.before(() => { throw new Error('x') })\ntest('a', () => {})\ntest.run()",
    "test('a', () => {})",
    "test('a', () => process.exit(0))\ntest.run()",
    "test('a', () => new Promise(() => {}))\ntest.run()",
  ]) {
    assert.ok((await running(body)).failed > 0, body)
  }
})

test('a file that never ends is ended with all that it started', async () => {
  const { failed, complaints, output } = await running(
    `import { spawn } from 'node:child_process'
     test('a', () => new Promise(() => {
       const child = spawn('sleep', ['600'], { stdio: 'inherit' })
       child.on('spawn', () => console.log('child ' + child.pid))
     }))
     test.run()`,
    8_000,
  )
  const pid = Number(/child (\d+)/.exec(output)?.[1])
  assert.equal([failed, complaints], [1, ['it took longer than 8 s']])
  assert.ok(pid > 0)
  assert.not.ok(alive(pid))
})

test('a process or a file left behind is a failure', async () => {
  const child = await running(
    `import { spawn } from 'node:child_process'
     test('a', () => spawn('sleep', ['600'], { stdio: 'ignore' }).unref())
     test.run()`,
  )
  assert.equal(child.complaints, ['it left processes behind'])
  const file = await running(
    `import { writeFileSync } from 'node:fs'
     test('a', () => writeFileSync(process.env.TMPDIR + '/left', ''))
     test.run()`,
  )
  assert.equal(file.complaints, ['it left files behind: left'])
})

test.run()
