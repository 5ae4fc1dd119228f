import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../e2e/until.ts'
import { skipUnless } from '../testing/skip.ts'
import { ensurePrometheus, promtool, startPrometheus } from './prometheus.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'prometheus is missing')

it('a Prometheus scrapes what it is told to, and answers queries', async () => {
  const server = createServer((_, response) => response.end('answer 42\n')).listen(0, '127.0.0.1')
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

it('promtool says what is wrong', () => {
  assert.not(promtool('check', 'rules', '/nowhere/at/all').ok)
})

test.run()
