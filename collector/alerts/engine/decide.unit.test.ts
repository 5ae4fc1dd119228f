import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Finding, Verdict } from '../rules/finding.ts'
import { openAlertBook } from './book.ts'
import { decide } from './decide.ts'

const finding = (verdict: Verdict, subject = 's', rule = 'replays', value = 1): Finding => ({
  rule,
  subject,
  value,
  baseline: 0,
  verdict,
  summary: () => 'It is bad.',
  calm: () => 'It is good.',
})

const book = (saved: string | null = null) => {
  const kept: string[] = []
  const printed: string[] = []
  const open = openAlertBook(
    saved,
    (text) => kept.push(text),
    (level, message, fields) => printed.push(`${level} ${message} ${fields?.summary ?? ''}`),
  )
  return { ...open, kept, printed }
}

test('thousands of names raise a hundred alerts and one for the rest, and all clear', () => {
  const open = book()
  const decided = (count: number, verdict: Verdict, at: number) => {
    const findings = Array.from({ length: count }, (_, number) =>
      finding(verdict, `n${number}`, 'node-silent'),
    )
    const events = decide(findings, open.active, at, 0)
    for (const event of events) open.deliver(event)
    return events
  }
  const raised = decided(5_000, 'bad', 1_000)
  assert.is(raised.length, 101)
  assert.is(raised.at(-1)?.subject, 'more')
  assert.match(raised.at(-1)?.summary ?? '', /^4900 more subjects of node-silent/)
  assert.equal(decided(5_000, 'bad', 2_000), [])
  assert.is(decided(5_000, 'good', 3_000).length, 101)
  assert.is(open.active.size, 0)
  assert.is(decided(3, 'bad', 4_000).length, 3)
})

const anyFindings = fc.array(
  fc.record({
    rule: fc.constantFrom('replays', 'node-silent'),
    subject: fc.constantFrom('a', 'b'),
    verdict: fc.constantFrom<Verdict>('bad', 'good', 'between'),
  }),
  { maxLength: 6 },
)

test('for any findings and restarts, raised and cleared alternate and the hold time is kept', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ found: anyFindings, wait: fc.nat(90_000), restart: fc.boolean() }), {
        maxLength: 30,
      }),
      (steps) => {
        let at = 0
        let open = book()
        let saved: string | null = null
        const up = new Map<string, number>()
        for (const { found, wait, restart } of steps) {
          at += wait
          if (restart) open = book(saved)
          const findings = found.map(({ verdict, subject, rule }) => finding(verdict, subject, rule))
          for (const event of decide(findings, open.active, at, 60_000)) {
            const id = `${event.rule} ${event.subject}`
            assert.is(up.has(id), event.type === 'alert.cleared')
            if (event.type === 'alert.raised') up.set(id, at)
            else {
              assert.ok(at - up.get(id)! >= 60_000)
              up.delete(id)
            }
            open.deliver(event)
          }
          saved = open.kept.at(-1) ?? saved
          assert.is(open.active.size, up.size)
        }
      },
    ),
  )
})

test('decide is pure: the same input gives the same events', () => {
  const active = new Map()
  const findings = [finding('bad')]
  assert.equal(decide(findings, active, 5, 0), decide(findings, active, 5, 0))
  assert.is(active.size, 0)
})

test('a bad finding raises once, is logged by its severity, and clears with its closing sentence', () => {
  const { deliver, active, list, printed } = book()
  for (const at of [1, 2, 3]) for (const event of decide([finding('bad')], active, at, 0)) deliver(event)
  for (const event of decide([finding('between')], active, 4, 0)) deliver(event)
  for (const event of decide([finding('good')], active, 5, 0)) deliver(event)
  assert.equal(printed, ['warn alert.raised It is bad.', 'info alert.cleared It is good.'])
  assert.equal(list([]), [
    {
      rule: 'replays',
      subject: 's',
      summary: 'It is good.',
      value: 1,
      baseline: 0,
      since: 1,
      clearedAt: 5,
      severity: 'warning',
    },
  ])
})

test('an active alert shows its present finding', () => {
  const { deliver, active, list } = book()
  for (const event of decide([finding('bad')], active, 1, 0)) deliver(event)
  assert.is(list([finding('bad', 's', 'replays', 42)])[0]!.value, 42)
})

test('the alert of a subject that is no longer found is cleared', () => {
  const { deliver, active } = book()
  for (const event of decide([finding('bad')], active, 1, 0)) deliver(event)
  assert.equal(decide([], active, 2, 60_000), [])
  const [event] = decide([], active, 60_001, 60_000)
  assert.is(event?.type, 'alert.cleared')
})

test('the book keeps two hundred alerts, and every active one', () => {
  const { deliver, active, list, kept } = book()
  const [first] = decide([finding('bad', 'stays')], active, 1, 0)
  deliver(first!)
  for (let at = 2; at < 900; at += 2) {
    for (const event of decide([finding('bad', 'stays'), finding('bad', `s${at}`)], active, at, 0))
      deliver(event)
    for (const event of decide([finding('bad', 'stays')], active, at + 1, 0)) deliver(event)
  }
  assert.is(list([]).length, 200)
  assert.is(list([])[0]?.subject, 'stays')
  assert.is(list([])[1]?.subject, 's898')
  const again = book(kept.at(-1)!)
  assert.equal(again.list([]), list([]))
  assert.is(again.raisedTotal.get('replays'), 450)
})

test('stored text that cannot be read is logged and forgotten', () => {
  for (const bad of ['', '{}', '{"version":2}', '{"version":1,"raised":{},"entries":[{}]}', 'null']) {
    const { printed, active } = book(bad)
    assert.is(printed.length, 1, bad)
    assert.is(active.size, 0)
  }
})

test.run()
