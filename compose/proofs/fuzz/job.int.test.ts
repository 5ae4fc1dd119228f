import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { broken, type Outcome, runJob } from './job.ts'
import type { Target } from './target.ts'

/** Runs 400 cases of a target whose `run` has this body. Each input is one random byte. */
const planted = async (body: string, wedgedMs = 60_000) => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-fuzz-'))
  const file = join(folder, 'planted.ts')
  const finding = JSON.stringify(import.meta.resolve('./target.ts'))
  writeFileSync(
    file,
    `import { openSync } from 'node:fs'
    import { Finding } from ${finding}
    void openSync, Finding
    const run = async (input) => { ${body}; return 'fine' }
    export const targets = [{ name: 'planted', share: 1, open: () => ({ make: (random) => random.bytes(1), run }) }]`,
  )
  const lines: string[] = []
  const module = pathToFileURL(file).href
  const corpus = join(folder, 'corpus')
  const target: Target = {
    name: 'planted',
    share: 1,
    open: () => ({ make: () => Buffer.alloc(0), run: () => '' }),
  }
  const run = { seed: 1, until: Number.MAX_SAFE_INTEGER, keep: true, corpus, module, wedgedMs }
  const outcome: Outcome = await runJob({ target, flags: [], cases: 400 }, run, (line) => lines.push(line))
  const kept =
    outcome.failures.length === 0 && broken(outcome) !== null ? [] : readdirSync(join(corpus, 'planted'))
  const contents = kept.map((name) => readFileSync(join(corpus, 'planted', name)))
  rmSync(folder, { recursive: true })
  return { outcome, text: lines.join(''), kept, contents }
}

test('cases without a failure pass, and the first input of an outcome is kept', async () => {
  const { outcome, kept } = await planted("if (input[0] === 7) return 'a seven'")
  assert.is(broken(outcome), null)
  assert.is(outcome.cases, 400)
  assert.equal(
    kept.map((name) => name.replace(/-[0-9a-f]{8}\.bin$/, '')),
    ['a-seven', 'fine'],
  )
})

test('an exception is a crash: it is counted, its input is kept, and a command repeats it', async () => {
  const { outcome, text, kept, contents } = await planted("if (input[0] === 7) throw new Error('planted')")
  assert.ok(outcome.counts.crash > 0)
  assert.is(outcome.cases, 400)
  assert.is(broken(outcome), `${outcome.counts.crash} failures`)
  assert.match(text, /^crash in planted: Error: planted/)
  assert.match(text, /npm run fuzz -- --only planted --case \d+\n/)
  const at = kept.findIndex((name) => name.startsWith('failed-crash-'))
  assert.equal([...contents[at]!], [7])
})

test('own bytes at an unauthenticated client are summed', async () => {
  const { outcome } = await planted("if (input[0] === 7) throw new Finding('own-bytes', 'planted', 3)")
  assert.is(outcome.ownBytes, 3 * outcome.counts['own-bytes'])
  assert.ok(outcome.ownBytes > 0)
})

test('the death of the process is a crash of the running case, and the cases behind it run', async () => {
  const { outcome, text } = await planted('if (input[0] === 7) process.abort()')
  assert.ok(outcome.counts.crash > 0)
  assert.is(outcome.cases, 400)
  assert.match(text, /^crash in planted: SIGABRT/)
  assert.match(text, /--case \d+/)
})

test('a thread that hangs is ended and counted, and so is a case that never ends', async () => {
  for (const body of ['if (input[0] === 7) for (;;);', 'if (input[0] === 7) await new Promise(() => {})']) {
    const { outcome } = await planted(body, 500)
    assert.ok(outcome.counts.wedged > 0)
    assert.is(outcome.cases, 400)
    assert.is(outcome.counts.crash, 0)
  }
})

test('descriptors that stay open fail the target', async () => {
  const { outcome } = await planted("openSync('/dev/null')", 500)
  assert.match(String(broken(outcome)), /^descriptors grew from \d+ to \d+$/)
})

test.run()
