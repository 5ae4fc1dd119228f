import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClassAnswer, usualFlight } from '../wire/server-hello.ts'
import { learnClasses } from './classes.ts'
import type { MeasuredFlight } from './measure.ts'

const answer = (measuredAt: number): ClassAnswer => ({
  group: 0x1d,
  sizes: [1],
  cipherSuite: 0x1301,
  versionFirst: true,
  measuredAt,
})

/** A host that is asked for classes; `asked` resolves when all questions so far are answered. */
const learning = (at = Date.now()) => {
  let flight: MeasuredFlight | null = { ...usualFlight, records: [], observedAt: 1, suitesAt: 1 }
  const asked: string[] = []
  let refuses = false
  const classes = learnClasses({
    ask: async (template) => {
      asked.push(template.toString())
      return refuses ? { error: 'unreachable' } : answer(at)
    },
    flight: () => flight,
    learned: (kind, learned) => {
      flight = flight && { ...flight, classes: { ...flight.classes, [kind]: learned } }
    },
  })
  return {
    ...classes,
    asked,
    idle: () => new Promise(setImmediate),
    forget: () => {
      flight = flight && { ...flight, classes: {} }
    },
    refuse: (now: boolean) => {
      refuses = now
    },
  }
}

test('each class is asked for once, and again after a refresh when it is unknown or a day old', async () => {
  const host = learning()
  assert.not(host.complete())
  for (const kind of ['one', 'two', 'one']) host.seen(kind, Buffer.from(kind))
  assert.not(host.complete())
  await host.idle()
  assert.equal(host.asked, ['one', 'two'])
  assert.ok(host.complete())
  host.refresh()
  await host.idle()
  assert.is(host.asked.length, 2)
  host.forget()
  assert.not(host.complete())
  host.refresh()
  await host.idle()
  assert.equal(host.asked.slice(2), ['one', 'two'])
  const old = learning(Date.now() - 25 * 3_600_000)
  old.seen('one', Buffer.from('one'))
  await old.idle()
  old.refresh()
  await old.idle()
  assert.equal(old.asked, ['one', 'one'])
})

test('a host that does not answer is asked again at the next refresh, and 16 classes are the most', async () => {
  const host = learning()
  host.refuse(true)
  for (let i = 0; i < 40; i++) host.seen(`${i}`, Buffer.from(`${i}`))
  await host.idle()
  assert.is(host.asked.length, 16)
  assert.not(host.complete())
  host.refuse(false)
  host.refresh()
  await host.idle()
  assert.is(host.asked.length, 32)
  assert.ok(host.complete())
})

test.run()
