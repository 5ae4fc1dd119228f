import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../kit/skip.ts'
import { ensure } from '../services/debian.ts'
import { until } from '../until.ts'

const isRoot = process.getuid?.() === 0
const there = isRoot && ensure('ip', 'iproute2') !== null
const it = skipUnless(test, there, isRoot ? 'iproute2 is missing' : 'needs root')
const program = join(import.meta.dirname, '../../proofs/lab/main.ts')

/** The lab, whose processes are known by their temporary folder. */
const lab = (...words: string[]) => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-lab-test-'))
  const child = spawn(process.execPath, [program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes
  })
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes
  })
  return {
    child,
    ended: once(child, 'close'),
    out: () => out,
    err: () => err,
    processes: (): string[] =>
      readdirSync('/proc').filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder)
        } catch {
          return false // it has ended
        }
      }),
    files: (): string[] => readdirSync(folder),
    [Symbol.dispose]: () => {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

it('lab --quick measures the tuned and the un-tuned proxy, and leaves no process and no file', async () => {
  using run = lab('--quick')
  assert.equal(await run.ended, [0, null], run.err())
  for (const name of ['un-tuned', 'tuned']) {
    const row = run
      .out()
      .split('\n')
      .filter((line) => line.startsWith(`| ${name} |`))
      .at(-1)!
    const cells = row.split('|').slice(2, -1)
    for (const cell of cells) assert.ok(Number.parseFloat(cell) >= 0, row)
    // The links delay: no figure is below what the path allows.
    assert.ok(Number.parseFloat(cells[0]!) >= 80 && Number.parseFloat(cells[2]!) >= 60, row)
  }
  assert.equal([run.processes(), run.files()], [[], []])
})

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  it(`${signal} in the middle of a turn leaves no process`, async () => {
    using run = lab('--quick')
    await until(() => run.err().includes('un-tuned'), 'the first turn', 120_000)
    await until(() => run.processes().length > 4, 'the second turn', 120_000)
    run.child.kill(signal)
    await run.ended
    await until(() => run.processes().length === 0, 'every process has ended', 60_000)
  })
}

test.run()
