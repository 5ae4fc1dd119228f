import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { examine } from './examine.ts'
import { finding } from './finding.ts'

const about = exampleAbout()

test('a check that never answers, or throws, is unknown and delays no other check', async () => {
  let passed: AbortSignal | undefined
  const found = await examine(
    {
      clock: ({ signal }) => {
        passed = signal
        return new Promise(() => {})
      },
      disk: () => {
        throw Object.assign(new Error('secret detail'), { code: 'EIO' })
      },
      runtime: () => [finding('runtime.node', 'ok', 'fine')],
    },
    about,
    { limit: 50 },
  )
  assert.equal(
    found.map(({ id, verdict }) => [id, verdict]),
    [
      ['clock.time', 'unknown'],
      ['disk.error', 'unknown'],
      ['runtime.node', 'ok'],
    ],
  )
  assert.match(found[1]?.states ?? '', 'EIO')
  assert.ok(passed?.aborted)
})

test('an examination that is stopped ends immediately', async () => {
  const stopping = new AbortController()
  const examined = examine({ clock: () => new Promise(() => {}) }, about, { signal: stopping.signal })
  stopping.abort()
  assert.is((await examined)[0]?.verdict, 'unknown')
})

test.run()
