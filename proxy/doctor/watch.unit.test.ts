import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { until } from '../../compose/test/until.ts'
import { finding, type Verdict } from './finding.ts'
import { startDoctor } from './watch.ts'

const { config, address } = exampleAbout()

test('a check that begins to fail is logged once, and again after it has recovered', async () => {
  const course: Verdict[] = ['ok', 'fail', 'fail', 'ok', 'fail']
  let runs = 0
  const printed: string[] = []
  const doctor = startDoctor({
    config,
    address,
    env: {},
    intervalMs: 1,
    openConnections: () => 3,
    logger: (level, message, fields) => printed.push(`${level} ${message} ${fields?.check} ${fields?.hint}`),
    checks: {
      disk: ({ live }) => [
        finding('disk.space', course[runs++] ?? 'ok', `${live?.connections}`, { advice: 'free some' }),
      ],
    },
  })
  assert.is(doctor.latest(), null)
  await until(() => runs > course.length, 'all examinations')
  doctor.stop()
  assert.equal(printed, [
    'warn doctor-finding disk.space free some',
    'warn doctor-finding disk.space free some',
  ])
  assert.is(doctor.latest()?.findings[0]?.states, '3')
})

test('a doctor that is stopped during an examination reports nothing', async () => {
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
