import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { fakeMiddleProxy } from '../kit/servers/fake-middle-proxy.ts'
import { publishedMiddleProxies } from '../kit/servers/published-middle-proxies.ts'
import { until } from '../until.ts'

const wishes: readonly Pick<ClientOptions, 'mode' | 'transport'>[] = [
  { mode: 'classic', transport: 'abridged' },
  { mode: 'classic', transport: 'intermediate' },
  { mode: 'secure', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'intermediate' },
  { mode: 'tls', transport: 'abridged' },
]
const tag = randomBytes(16).toString('hex')

for (const portable of [false, true])
  test(`advertising mode${portable ? ' by node:net' : ''}: clients of every mode pass the middle proxies that are published, with the tag`, async () => {
    await using middle = await fakeMiddleProxy({ tag })
    await using published = await publishedMiddleProxies({ 2: middle }, middle.secret)
    const env = { ...published.env, USE_MIDDLE_PROXY: 'true', AD_TAG: tag, PORTABLE_RELAY: `${portable}` }
    await using proxy = await startAppliance({ env })
    await Promise.all(
      wishes.map(async (wish) => {
        await using client = await connectClient({ ...wish, port: proxy.port, secret: proxy.secret })
        await client.reqPq()
        const sent = randomBytes(300_000)
        assert.ok((await client.echo(sent)).equals(sent))
        await Promise.all([client.download(2_345_678), client.upload(1_234_567)])
      }),
    )
    await until(
      async () => (await proxy.metric('mtscope_middle_proxy_connections_total')) === wishes.length,
      'every connection is counted at the middle proxies',
    )
    assert.ok(middle.accepted() <= wishes.length)
    assert.not.ok(proxy.lines.some((line) => line.includes(tag)))
    assert.not.ok((await proxy.metrics()).includes(tag))
  })

test('advertising mode: while the middle proxies are away clients reach the datacenter, and the middle proxies again later', async () => {
  await using middle = await fakeMiddleProxy({ tag: null })
  await using published = await publishedMiddleProxies({ 2: middle }, middle.secret)
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    env: { ...published.env, USE_MIDDLE_PROXY: 'true', WORKERS: '1' },
    datacenters: { 2: dc },
  })
  const served = async (): Promise<void> => {
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
    await client.reqPq()
  }
  await served()
  assert.is(dc.served.length, 0)
  await middle.goAway()
  await served()
  assert.is(dc.served.length, 1)
  await until(
    async () => (await proxy.metric('mtscope_middle_proxy_fallbacks_total')) === 1,
    'the fallback is counted',
  )
  await middle.comeBack()
  await until(async () => {
    await served()
    return middle.requests() > 1
  }, 'clients pass the middle proxy again')
})

test.run()
