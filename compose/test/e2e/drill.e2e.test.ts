import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { drills } from '../../proofs/drill/drills.ts'
import { isGood, runDrill } from '../../proofs/drill/run.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureAlertmanager } from '../services/alertmanager.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensurePrometheus } from '../services/prometheus.ts'
import { ensureRedis } from '../services/redis.ts'

// One drill; `npm run drill` runs all.
const there = [ensureKafka(), ensureRedis(), ensurePrometheus(), ensureAlertmanager()].every(
  (command) => command !== null,
)
const it = skipUnless(test, there, 'Kafka, Redis, Prometheus or Alertmanager is missing')

const drill = drills.find(({ name }) => name === 'datacenter 4 refuses connections')!

it('no alert fires in normal operation; when a datacenter stops, its alerts and no others fire, in both systems', async () => {
  const lines: string[] = []
  const outcome = await runDrill(drill, { factor: 0.1, quietSeconds: 6, logger: (line) => lines.push(line) })
  assert.ok(isGood(outcome), [...lines, `false: ${outcome.false}`, `missed: ${outcome.missed}`].join('\n'))
  assert.ok(outcome.connections > 20)
  for (const seconds of Object.values(outcome.detected)) assert.ok(seconds !== null && seconds < 90)
})

test.run()
