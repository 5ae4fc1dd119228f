import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { finding } from './finding.ts'
import { table } from './report.ts'

const findings = [
  finding('clock.offset', 'fail', 'this clock is four hundred seconds behind datacenter 2', {
    advice: 'timedatectl set-ntp true',
  }),
  finding('disk.space', 'ok', 'enough'),
  finding('host.a', 'ok', 'of no use', { detail: true }),
]

test('the table is aligned, wraps at spaces, and has the advice', () => {
  const text = table(findings, { colour: false, width: 50, all: false })
  assert.is(
    text,
    `clock  fail     this clock is four hundred seconds
                behind datacenter 2
                →  timedatectl set-ntp true
disk   ok       enough

2 ok, 1 fail (--all shows 1 more)
`,
  )
  assert.match(table(findings, { colour: false, width: 50, all: true }), 'of no use')
})

test('colours are opt-in', () => {
  assert.ok(table(findings, { colour: true, width: 50, all: false }).includes('\x1b[31mfail'))
  assert.not(table(findings, { colour: false, width: 50, all: false }).includes('\x1b'))
})

test.run()
