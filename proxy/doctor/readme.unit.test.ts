import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rules } from '../../collector/alerts/rules/rules.ts'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { boards } from '../../dashboards/boards/boards.ts'
import { metrics } from '../telemetry/catalogue/catalogue.ts'
import { hostCheck } from './checks/host.ts'
import { examine } from './examine.ts'
import { areas } from './finding.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const rows = readme
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()))
const named = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
const questions = rows.filter((cells) => cells[1]?.endsWith('?'))

test('each symptom leads to existing alerts', () => {
  assert.ok(questions.length > 20)
  for (const [, ask, , alert] of questions)
    for (const rule of named(alert)) assert.ok(Object.hasOwn(rules, rule), `${ask} ${rule}`)
})

test('each symptom leads to panels on the named dashboard', () => {
  let shown = 0
  for (const [, ask, cell = ''] of questions)
    for (const part of cell.split(';')) {
      const of = /(\w+) dashboard/.exec(part)?.[1]
      const panels = [...part.matchAll(/\*\*([^*]+)\*\*/g)].map(([, name = '']) => name)
      assert.is(of !== undefined, panels.length > 0, `${ask} ${part}: a dashboard and a panel of it`)
      const board = boards.find(({ uid }) => uid === of?.toLowerCase())
      const titles = board?.rows.flatMap((row) => row.panels.map(({ title }) => title)) ?? []
      for (const panel of panels) assert.ok(titles.includes(panel), `${ask} ${panel} is not on ${of}`)
      shown += panels.length
    }
  assert.ok(shown > 15, `${shown} panels`)
})

test('each symptom leads to findings of the doctor', async () => {
  const source = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
    .join('\n')
  const found = await examine({ host: hostCheck }, exampleAbout(), { limit: 60_000 })
  const ofHost = new Set(found.map(({ id }): string => id))
  for (const [, ask, , , doctor] of questions)
    for (const id of named(doctor)) {
      // A counter exists only where the kernel has it; numbered findings end with their number.
      const written = [`'${id}'`, `counter: '${id.slice('host.'.length)}'`, id.replace(/1$/, '$')]
      const known = ofHost.has(id) || written.some((text) => source.includes(text))
      assert.ok(known, `${ask} ${id}`)
    }
})

test('the README names every area and every metric of the doctor', () => {
  for (const area of areas) assert.match(readme, `\`${area}\``)
  for (const { name } of [metrics.doctorFinding, metrics.doctorLookTime, metrics.clockOffset])
    assert.match(readme, name)
})

test.run()
