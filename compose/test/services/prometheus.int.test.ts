import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../kit/skip.ts'
import { until } from '../until.ts'
import { amtool, ensureAlertmanager } from './alertmanager.ts'
import { ensurePrometheus, promtool, startPrometheus } from './prometheus.ts'
import {
  alertmanagerRelease,
  buildAlertmanager,
  buildPrometheus,
  prometheusRelease,
} from './prometheus-programs.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'prometheus is missing')

it('Prometheus scrapes its targets and answers queries', async () => {
  const server = createServer((_, response) =>
    // Prometheus 3 requires a content type.
    response.setHeader('content-type', 'text/plain; version=0.0.4').end('answer 42\n'),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using _ = { [Symbol.asyncDispose]: async () => void server.close() }
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await using prometheus = await startPrometheus({ scrape: { mtscope: [target] }, intervalMs: 200 })
  const seen = await until(async () => (await prometheus.query('answer'))[0], 'the first scrape')
  assert.is(seen.value, 42)
  assert.is(seen.metric.instance, target)
  try {
    await prometheus.query('answer(')
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), 'parse error')
  }
})

const pinned = skipUnless(
  test,
  buildPrometheus() !== null && buildAlertmanager() !== null,
  'the releases in compose cannot be built here',
)

pinned('Prometheus, Alertmanager and their tools have the releases in compose', () => {
  const versionOf = (command: string | null): string =>
    spawnSync(command ?? '', ['--version'], { encoding: 'utf8' }).stdout
  assert.match(versionOf(ensurePrometheus()), `version ${prometheusRelease} `)
  assert.match(promtool('--version').printed, `version ${prometheusRelease} `)
  assert.match(versionOf(ensureAlertmanager()), `version ${alertmanagerRelease} `)
  assert.match(amtool('--version').printed, `version ${alertmanagerRelease} `)
})

it('promtool accepts the Prometheus configuration of compose', () => {
  const file = join(import.meta.dirname, '../../docker/prometheus/prometheus.yaml')
  const { ok, printed } = promtool('check', 'config', '--syntax-only', file)
  assert.ok(ok, printed)
})

it('promtool reports an error', () => {
  assert.not(promtool('check', 'rules', '/nowhere/at/all').ok)
})

test.run()
