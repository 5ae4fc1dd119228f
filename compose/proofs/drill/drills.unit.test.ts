import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rules } from '../../../collector/alerts/rules/rules.ts'
import { alertGroups } from '../../../dashboards/alerts/rules.ts'
import { type Alert, isOf } from './drill.ts'
import { drills } from './drills.ts'
import type { System } from './sink.ts'

const shipped: Record<System, readonly string[]> = {
  collector: Object.keys(rules),
  prometheus: alertGroups.flatMap((group) => group.rules.map(({ alert }) => alert)),
}
const systems = ['collector', 'prometheus'] as const

for (const system of systems) {
  test(`every rule of the ${system} fires in some drill`, () => {
    const drilled = new Set(
      drills.flatMap(({ fires }) => fires.filter((must) => must.system === system).map(({ name }) => name)),
    )
    assert.equal(
      shipped[system].filter((name) => !drilled.has(name)),
      [],
    )
  })

  test(`drills name only rules of the ${system}`, () => {
    const named = drills.flatMap(({ fires, follows = [] }) => [...fires, ...follows])
    for (const alert of named.filter((one) => one.system === system))
      assert.ok(shipped[system].includes(alert.name), alert.name)
  })
}

test('an alert that must fire has a subject, and is not also one that may', () => {
  for (const { name, fires, follows = [] } of drills) {
    for (const must of fires) {
      assert.is.not(must.subject, undefined, `${name}: ${must.name}`)
      assert.not(
        follows.some((may) => isOf(may, must)),
        `${name}: ${must.name}`,
      )
    }
  }
})

test('alerts differ by system, name and subject', () => {
  const down: Alert = { system: 'collector', name: 'datacenter-down', subject: 'dc 4 ipv4' }
  assert.ok(isOf(down, { ...down }))
  assert.not(isOf(down, { ...down, subject: 'dc 2 ipv4' }))
  assert.not(isOf(down, { ...down, system: 'prometheus' }))
  assert.ok(isOf({ system: 'collector', name: 'datacenter-down' }, down))
})

test.run()
