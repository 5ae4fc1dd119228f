import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { startFleet } from '../kit/processes/fleet.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka } from '../services/kafka.ts'
import { checkMetrics, ensurePrometheus } from '../services/prometheus.ts'
import { ensureRedis } from '../services/redis.ts'
import { until } from '../until.ts'

const prometheus = ensurePrometheus() !== null
const alone = skipUnless(test, prometheus, 'promtool is missing')
const services = ensureKafka() !== null && ensureRedis() !== null
const fleet = skipUnless(test, prometheus && services, 'promtool, Kafka or Redis is missing')

const call = async ({ port, secret }: Appliance): Promise<void> => {
  await using client = await connectClient({ port, secret, mode: 'tls' })
  await client.reqPq()
}

/** Waits until a metric of the last part of the exposition has a value, then checks the exposition with promtool. */
const lints = async (program: Appliance, metric: string): Promise<void> => {
  await until(async () => (await program.metric(metric)) > 0, metric, 60_000)
  assert.equal(checkMetrics(await program.metrics()), { ok: true, printed: '' })
}

for (const program of ['compose/appliance.ts', 'proxy/main.ts'] as const)
  alone(`promtool has no complaint about /metrics of ${program}`, async () => {
    await using dc = await fakeDatacenter()
    const env = { USER1_NAME: 'Zoe\u0301 नीति', PROBE_INTERVAL: '1', DOCTOR_INTERVAL: '1' }
    await using proxy = await startAppliance({ program, env, datacenters: { 2: dc } })
    await call(proxy)
    await lints(proxy, 'mtscope_doctor_look_timestamp_seconds')
    if (program === 'compose/appliance.ts') await lints(proxy, 'mtscope_user_sessions_total')
    assert.ok((await proxy.metrics()).includes('mtscope_event_loop_delay_seconds{'))
  })

fleet('promtool accepts /metrics of a fleet', async () => {
  await using all = await startFleet({ proxies: 1, collectors: 1 })
  const [proxy, collector] = [all.proxies[0]!, all.collectors[0]!]
  await call(proxy)
  await lints(collector, 'mtscope_user_sessions_total')
  await lints(proxy, 'mtscope_kafka_up')
})

test.run()
