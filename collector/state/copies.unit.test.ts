import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mostKeys, mostSamples } from '../fold/retention.ts'
import { createCopies, updateCopy } from './copies.ts'
import type { Meta, Part } from './redis-read.ts'

const reach = { origin: 0, offset: 1, part: 0 }
const meta: Meta = {
  ...{ life: 'l', owner: 'o', version: 1, ...reach },
  ...{ end: 1, foldedAt: 0, since: 0, refused: 0 },
}

test('the sum of partitions that are full each leaves out no key and no sample', () => {
  const copies = createCopies()
  for (const partition of [0, 1, 2]) {
    const named = <V>(most: number, value: V): Map<string, V> =>
      new Map(Array.from({ length: most }, (_, n) => [`key/node-${partition}-${n}`, value]))
    const parts: Part[] = [
      { kind: 'counts', name: 'tick:7', counts: named(mostKeys.tick, 2).set('accepted', 5) },
      { kind: 'counts', name: 'ever:0', counts: named(mostKeys.ever, 1) },
      { kind: 'recent', observations: named(mostSamples, { at: 1, value: true }) },
    ]
    updateCopy(copies, partition, meta, { parts, reach })
  }
  const { sum } = copies
  assert.is(sum.bucket('tick', 7).size, 3 * mostKeys.tick + 1)
  assert.is(sum.count('tick', 7, 'accepted'), 15)
  assert.is(sum.count('ever', 0, `key/node-2-${mostKeys.ever - 1}`), 1)
  assert.is(sum.recent.size, 3 * mostSamples)
  assert.is(sum.refused, 0)
})

test.run()
