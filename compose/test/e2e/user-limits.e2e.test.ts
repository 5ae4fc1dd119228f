import { writeFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, type ClientOptions, connectClient, newSecret } from '../kit/client/client.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { reachedBy, type Way, ways } from '../kit/servers/advertising.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName } from '../kit/servers/site.ts'
import { until } from '../until.ts'

const MiB = 1_048_576
const modes = ['secure', 'tls'] as const

type Mode = (typeof modes)[number]

const world = async (env: Record<string, string>, mode: Mode, portable: boolean, way: Way = 'directly') => {
  await using stack = new AsyncDisposableStack()
  const datacenter = stack.use(await fakeDatacenter())
  const through = await reachedBy(way, stack)
  const secret = newSecret()
  const user = { USER1_SECRET: secret, USER1_NAME: 'one', PORTABLE_RELAY: `${portable}` }
  const proxy = stack.use(
    await startAppliance({ datacenters: { 2: datacenter }, env: { ...user, ...through, ...env } }),
  )
  const all = stack.move()
  const options = (more: Partial<ClientOptions> = {}): ClientOptions => ({
    ...{ port: proxy.port, host: '127.0.0.1', secret, mode, domain: siteName },
    ...more,
  })
  const client = (more?: Partial<ClientOptions>) => connectClient(options(more))
  /** Whether a client is refused for `reason`: then it is not answered, and its connection stays open. */
  const isRefused = async (reason: string, more?: Partial<ClientOptions>): Promise<boolean> => {
    const before = await refusals(proxy, reason)
    let one: Client | null = null
    let answered = false
    const asking = client(more).then(async (connected) => {
      one = connected
      await connected.reqPq()
      answered = true
    })
    asking.catch(() => {})
    const refused = await until(async () => {
      if ((await refusals(proxy, reason)) > before) return 'refused'
      return answered ? 'answered' : null
    }, `an answer, or a refusal for ${reason}`)
    const connected = one as Client | null
    if (refused === 'refused' && connected !== null) assert.is(connected.socket.readableEnded, false)
    await connected?.[Symbol.asyncDispose]()
    return refused === 'refused'
  }
  return {
    proxy,
    client,
    isRefused,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const refusals = (proxy: Appliance, reason: string): Promise<number> =>
  proxy.metric('mtscope_handshakes_rejected_total', { reason })

for (const portable of [false, true]) {
  const engine = portable ? 'node:net' : 'epoll'
  // Both modes meet the same code at a middle proxy.
  const kinds = [
    ...modes.map((mode) => ({ mode, way: 'directly' as const })),
    { mode: portable ? ('secure' as const) : ('tls' as const), way: 'through middle proxies' as const },
  ]
  for (const { mode, way } of kinds) {
    test(`${engine}, ${mode}, ${way}: a user has as many connections as it may, over all threads`, async () => {
      await using of = await world({ USER1_MAX_CONNECTIONS: '3' }, mode, portable, way)
      const clients = await Promise.all(Array.from({ length: 3 }, () => of.client()))
      for (const client of clients) await client.reqPq()
      assert.ok(await of.isRefused('user-connections'))
      await clients[0]![Symbol.asyncDispose]()
      await until(async () => (await of.proxy.status()).users[0]!.open === 2, 'the close')
      await using next = await of.client()
      await next.reqPq()
      for (const client of clients) await client[Symbol.asyncDispose]()
    })

    test(`${engine}, ${mode}, ${way}: a user is stopped at its quota, also after a restart`, async () => {
      await using of = await world({ USER1_QUOTA_DAY: '4M' }, mode, portable, way)
      {
        await using client = await of.client()
        await client.download(2 * MiB)
        client.download(4 * MiB).catch(() => {})
        // The connection is closed within seconds of the byte that crossed.
        await client.closed
      }
      assert.ok(await of.isRefused('quota'))
      await of.proxy.stop()
      await of.proxy.start()
      await until(() => of.isRefused('quota'), 'a refusal after the restart')
    })
  }

  for (const FAST_MODE of ['true', 'false'])
    test(`${engine}, FAST_MODE=${FAST_MODE}: connections of a user share its rate, up and down`, async () => {
      const env = { USER1_RATE_DOWN: '1M', USER1_RATE_UP: '512K', FAST_MODE }
      await using of = await world(env, 'secure', portable)
      const clients = await Promise.all(Array.from({ length: 4 }, () => of.client()))
      const down = await Promise.all(clients.map((client) => client.download(MiB)))
      // 4 MiB at 1 MiB a second, of which a burst of a quarter of a second and what is on the way come sooner.
      assert.ok(Math.max(...down) > 3_200, `${down}`)
      const up = await Promise.all(clients.map((client) => client.upload(MiB / 4)))
      assert.ok(Math.max(...up) > 1_300, `${up}`)
      // A small message after a rest waits for nothing that it does not owe.
      for (const client of clients) await client.reqPq()
      for (const client of clients) await client[Symbol.asyncDispose]()
    })
}

for (const way of ways)
  test(`${way}: a user may connect from its networks only, in its modes`, async () => {
    const env = { USER1_NETWORKS: '127.0.0.2,10.0.0.0/8', MTPROTO_HOST: '0.0.0.0', USER1_MODES: 'secure' }
    await using of = await world(env, 'secure', false, way)
    assert.ok(await of.isRefused('not-allowed-network'))
    await using client = await of.client({ localAddress: '127.0.0.2' })
    await client.reqPq()
    assert.ok(await of.isRefused('mode-off', { localAddress: '127.0.0.2', mode: 'classic' }))
  })

for (const way of ways)
  test(`${way}: a user that expires is closed, and refused from then on`, async () => {
    const soon = new Date(Date.now() + 20_000)
    soon.setUTCSeconds(soon.getUTCSeconds() + 1, 0)
    await using of = await world(
      { USER1_EXPIRES: soon.toISOString().replace('.000Z', 'Z') },
      'secure',
      false,
      way,
    )
    await using client = await of.client()
    await client.reqPq()
    await client.closed
    assert.ok(await of.isRefused('expired'))
  })

for (const way of ways)
  test(`${way}: a user has as many addresses as it may within the window`, async () => {
    await using of = await world({ USER1_MAX_IPS: '2', MTPROTO_HOST: '0.0.0.0' }, 'secure', false, way)
    for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.2']) {
      await using client = await of.client({ localAddress })
      await client.reqPq()
    }
    assert.ok(await of.isRefused('user-addresses', { localAddress: '127.0.0.4' }))
    await using again = await of.client({ localAddress: '127.0.0.3' })
    await again.reqPq()
  })

test('limits come into force for open connections when the settings are read again', async () => {
  const secret = newSecret()
  await using datacenter = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: datacenter },
    env: { USER1_SECRET: undefined },
    dotenv: `USER1_SECRET=${secret}\n`,
  })
  await using client = await connectClient({ port: proxy.port, secret, mode: 'secure' })
  const free = await client.download(4 * MiB)
  await writeFile(`${proxy.folder}/.env`, `USER1_SECRET=${secret}\nUSER1_RATE_DOWN=1M\n`)
  proxy.signal('SIGHUP')
  await until(() => proxy.lines.some((line) => line.includes('reloaded')), 'the reload')
  const slow = await until(async () => {
    const ms = await client.download(MiB)
    return ms > 600 ? ms : 0
  }, 'the rate of the user')
  assert.ok(slow > free / 8, `${free} ms before, ${slow} ms after`)
})

test.run()
