import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { until } from '../../compose/test/until.ts'
import { finding, type Verdict } from './finding.ts'
import { startDoctor } from './watch.ts'

const { config, address } = exampleAbout()

test('what begins to fail is said once, and again when it has been well', async () => {
  const course: Verdict[] = ['ok', 'fail', 'fail', 'ok', 'fail']
  let looks = 0
  const printed: string[] = []
  const doctor = startDoctor({
    config,
    address,
    env: {},
    intervalMs: 1,
    openConnections: () => 3,
    logger: (level, message, fields) =>
      printed.push(`${level} ${message} ${fields?.check} ${fields?.advice}`),
    checks: {
      disk: ({ live }) => [
        finding('disk.space', course[looks++] ?? 'ok', `${live?.connections}`, { advice: 'free some' }),
      ],
    },
  })
  assert.is(doctor.latest(), null)
  await until(() => looks > course.length, 'all looks')
  doctor.stop()
  assert.equal(printed, ['warn doctor disk.space free some', 'warn doctor disk.space free some'])
  assert.is(doctor.latest()?.findings[0]?.states, '3')
})

test('a doctor that was stopped while it looked tells nothing', async () => {
  const began = Promise.withResolvers<void>()
  const doctor = startDoctor({
    config,
    address,
    env: {},
    intervalMs: 1,
    openConnections: () => 0,
    logger: () => assert.unreachable(),
    checks: {
      clock: () => {
        began.resolve()
        return new Promise(() => {})
      },
    },
  })
  await began.promise
  doctor.stop()
  await new Promise(setImmediate)
  assert.is(doctor.latest(), null)
})

test.run()
