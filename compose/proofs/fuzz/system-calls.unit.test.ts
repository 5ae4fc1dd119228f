import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { caseSeed, randomOf } from './random.ts'
import { calls, reaching, refusalBytes } from './refusing-libc.ts'
import { systemCalls } from './targets/system-calls.ts'
import { tryInput } from './try.ts'

const first = 5

for (const call of systemCalls.runs === false ? [] : calls) {
  test(`${call}: refused at any of its first ${first} calls, no byte is wrong, none is lost unseen, and the thread serves on`, async () => {
    const opened = await systemCalls.open()
    const outcomes: string[] = []
    for (let nth = 1; nth <= first; nth++) {
      const random = randomOf(caseSeed(1, call, nth))
      // Three clients, of which each sends some kilobytes and gets some hundred.
      const header = [2, random.below(256), random.below(256), 64 + random.below(128)]
      const refusal = reaching(refusalBytes(call, random.below(16), nth))
      const tried = await tryInput(opened, Buffer.from([...header, ...refusal]), 300_000)
      assert.ok('outcome' in tried, JSON.stringify(tried))
      outcomes.push('outcome' in tried ? tried.outcome : '')
    }
    await opened.close?.()
    assert.ok(
      outcomes.some((outcome) => outcome.includes(`${call} E`)),
      outcomes.join('; '),
    )
  })
}

test.run()
