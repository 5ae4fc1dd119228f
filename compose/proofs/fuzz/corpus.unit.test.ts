import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { corpus, corpusOf } from './corpus.ts'
import { targets } from './targets.ts'
import { tryInput } from './try.ts'

for (const target of targets) {
  if (target.runs === false) continue
  test(`${target.name}: every input of the corpus has an outcome`, async () => {
    const inputs = corpusOf(corpus, target.name)
    assert.ok(inputs.length > 0)
    const opened = await target.open()
    const failed: string[] = []
    for (const { name, input } of inputs) {
      const tried = await tryInput(opened, input, 300_000)
      if ('kind' in tried) failed.push(`${name}: ${tried.kind}: ${tried.message}`)
    }
    await opened.close?.()
    assert.equal(failed, [])
  })
}

test.run()
