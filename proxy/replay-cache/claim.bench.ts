/** Cost of a claim for a client: `node proxy/replay-cache/claim.bench.ts`. With and without Redis, in turns, in one run. */
import { cpus } from 'node:os'
import { connectClient } from '../../compose/test/kit/client/client.ts'
import { type Appliance, startAppliance } from '../../compose/test/kit/processes/harness.ts'
import { fakeDatacenter } from '../../compose/test/kit/servers/fake-datacenter.ts'
import { startRedis } from '../../compose/test/services/redis.ts'

const rounds = 12
const connections = 50

await using redis = await startRedis()
await using datacenter = await fakeDatacenter()
const shared = { datacenters: { 2: datacenter } }
await using alone = await startAppliance({
  ...shared,
  program: 'proxy/main.ts',
  env: { MAX_CONNS_IN_POOL: '0' },
})
await using asking = await startAppliance({
  ...shared,
  program: 'proxy/main.ts',
  env: { MAX_CONNS_IN_POOL: '0', REDIS_URL: redis.url },
})

type Series = { times: number[]; cpu: number }
const all = new Map<string, Series>()
const measure = async (name: string, proxy: Appliance, mode: 'secure' | 'tls'): Promise<void> => {
  const series = all.get(name) ?? { times: [], cpu: 0 }
  all.set(name, series)
  const before = await proxy.cpuSeconds()
  for (let i = 0; i < connections; i++) {
    const since = performance.now()
    await using client = await connectClient({ port: proxy.port, secret: proxy.secret, mode })
    await client.reqPq()
    series.times.push(performance.now() - since)
  }
  series.cpu += (await proxy.cpuSeconds()) - before
}
for (let round = 0; round < rounds; round++) {
  for (const mode of ['secure', 'tls'] as const) {
    await measure(`${mode}, without Redis`, alone, mode)
    await measure(`${mode}, with Redis`, asking, mode)
  }
}

console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}`)
console.log('from connect to resPQ, ms; loopback, no pooled connections; CPU s of the proxy per 1,000')
for (const [name, { times, cpu }] of all) {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(2)
  console.log(`${name}: p50 ${at(0.5)}, p99 ${at(0.99)}; ${((cpu / times.length) * 1000).toFixed(2)}`)
}
console.log(`claims: ${await asking.metric('mtscope_replay_claims_total')}`)
process.exit(0)
