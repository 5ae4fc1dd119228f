import { connectClient } from '../../test/kit/client/client.ts'
import { startAppliance } from '../../test/kit/processes/harness.ts'
import { fakeDatacenter } from '../../test/kit/servers/fake-datacenter.ts'
import { type Scraped, scrape } from './measure.ts'

/** `/metrics` of a real proxy that has relayed a few connections in each mode, in a fleet with these services. */
export const proxyMetrics = async (env: Readonly<Record<string, string>>): Promise<Scraped> => {
  await using stack = new AsyncDisposableStack()
  const datacenter = stack.use(await fakeDatacenter())
  const datacenters = Object.fromEntries([1, 2, 3, 4, 5].map((dc) => [dc, datacenter]))
  const proxy = stack.use(await startAppliance({ program: 'proxy/main.ts', env, datacenters }))
  for (const mode of ['secure', 'tls'] as const)
    for (const dc of [1, 2, 3, 4, 5]) {
      await using client = await connectClient({ port: proxy.port, secret: proxy.secret, mode, dc })
      await client.reqPq()
    }
  return await scrape(proxy, '/metrics')
}
