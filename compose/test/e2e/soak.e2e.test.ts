import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inexact, runSoak } from '../../proofs/soak/run.ts'

// The load of `npm run soak` for a moment: every total is exact. Growth needs the long run.

test('clients of all kinds are served, and clients, proxy and collector count the same', async () => {
  const { totals, programs } = await runSoak({
    seconds: 20,
    perSecond: 30,
    isEmbedded: true,
    everySeconds: 5,
    progress: () => {},
  })
  assert.is(inexact(totals), null)
  assert.ok(totals.sessions > 100 && totals.opened > totals.sessions, JSON.stringify(totals))
  const samples = programs.get('appliance') ?? []
  assert.ok(samples.length >= 3)
  const last = samples.at(-1)!
  for (const of of [
    'rss',
    'mainHeap',
    'otherHeaps',
    'external',
    'malloc',
    'logPages',
    'descriptors',
  ] as const)
    assert.ok(last[of] > 0, `${of} is measured`)
})

test.run()
