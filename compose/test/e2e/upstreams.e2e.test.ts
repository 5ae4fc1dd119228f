import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { startDante, startMicrosocks } from '../services/socks-server.ts'
import { until } from '../until.ts'

const asks = async ({ port, secret }: Appliance, dc = 2): Promise<void> => {
  await using client = await connectClient({ mode: 'secure', port, secret, dc })
  await client.reqPq()
}

const taken = (proxy: Appliance, upstream: string): Promise<number> =>
  proxy.metric('mtscope_upstream_connections_total', { upstream })
const isUp = (proxy: Appliance, upstream: string): Promise<number> =>
  proxy.metric('mtscope_upstream_up', { upstream })

/** A SOCKS server that accepts and does what `then` does. */
const oddServer = async (then: (socket: Socket) => void) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    then(socket)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

for (const portable of ['false', 'true']) {
  const engine = portable === 'true' ? 'node:net' : 'epoll'

  test(`${engine}: clients reach their datacenter through microsocks with user and password`, async () => {
    await using dc = await fakeDatacenter()
    await using socks = await startMicrosocks({ user: 'ann', password: 'p@ss,word' })
    const UPSTREAMS = `socks5://ann:p%40ss%2Cword@127.0.0.1:${socks.port}`
    await using proxy = await startAppliance({
      datacenters: { 2: dc },
      env: { UPSTREAMS, PORTABLE_RELAY: portable, PROBE_INTERVAL: '1' },
    })
    await asks(proxy)
    await until(async () => (await taken(proxy, 'socks5-1')) === 1, 'the connection is counted')
    await until(async () => (await isUp(proxy, 'socks5-1')) === 1, 'the probes pass')
    assert.ok(proxy.lines.includes('Datacenters are reached through socks5-1 (SOCKS5 with login).'))
    assert.not.match(proxy.lines.join('\n'), /p@ss|p%40ss/)
    assert.not.match(await proxy.metrics(), /p@ss|p%40ss|ann/)
  })

  test(`${engine}: clients reach their datacenter through Dante`, async () => {
    await using dc = await fakeDatacenter()
    await using socks = await startDante()
    await using proxy = await startAppliance({
      datacenters: { 2: dc },
      env: { UPSTREAMS: `socks5://127.0.0.1:${socks.port}`, PORTABLE_RELAY: portable },
    })
    await asks(proxy)
    await until(async () => (await taken(proxy, 'socks5-1')) === 1, 'the connection is counted')
  })

  test(`${engine}: a connection begins at the address of bind`, async () => {
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({
      datacenters: { 2: dc },
      env: { UPSTREAMS: 'bind:127.0.0.7', PORTABLE_RELAY: portable },
    })
    const { port, secret } = proxy
    await using client = await connectClient({ mode: 'secure', port, secret, dc: 2 })
    await client.reqPq()
    assert.is(dc.served.at(-1)?.socket.remoteAddress, '127.0.0.7')
    await until(async () => (await taken(proxy, 'bind-127.0.0.0/24')) === 1, 'the connection is counted')
  })

  test(`${engine}: a dead upstream is left for the next one, and taken again when its probes succeed`, async () => {
    await using dc = await fakeDatacenter()
    await using socks = await startMicrosocks()
    await using proxy = await startAppliance({
      datacenters: { 2: dc },
      env: {
        UPSTREAMS: `socks5://127.0.0.1:${socks.port}?name=paris,direct`,
        PORTABLE_RELAY: portable,
        PROBE_INTERVAL: '0.5',
        MAX_CONNS_IN_POOL: '0',
      },
    })
    await asks(proxy)
    await until(async () => (await taken(proxy, 'paris')) === 1, 'the first upstream is taken')
    await socks.kill()
    await asks(proxy)
    await until(async () => (await isUp(proxy, 'paris')) === 0, 'the upstream is down')
    await asks(proxy)
    await until(async () => (await taken(proxy, 'direct')) >= 2, 'the next upstream is taken')
    await socks.start()
    await until(async () => (await isUp(proxy, 'paris')) === 1, 'the probes succeed again')
    await until(async () => {
      await asks(proxy)
      return (await taken(proxy, 'paris')) > 1
    }, 'the first upstream is taken again')
  })
}

test('an IPv6 datacenter is reached through a SOCKS5 server at IPv4, and PREFER_IPV6=only never dials IPv4', async () => {
  await using six = await fakeDatacenter({ host: '::1' })
  await using four = await fakeDatacenter()
  await using socks = await startMicrosocks()
  await using proxy = await startAppliance({
    datacenters: { 2: [four, six] },
    env: { UPSTREAMS: `socks5://localhost:${socks.port}`, PREFER_IPV6: 'only' },
  })
  await asks(proxy)
  assert.equal([six.served.length > 0, four.accepted()], [true, 0])
})

test('clients behind an upstream that hangs, lies or refuses the login are served by the next one', async () => {
  await using dc = await fakeDatacenter()
  await using hangs = await oddServer(() => {})
  await using lies = await oddServer((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  await using refuses = await startMicrosocks({ user: 'ann', password: 'word' })
  await using slow = await oddServer((socket) => socket.write(Buffer.from([5])))
  const to = ({ port }: { port: number }, login = ''): string => `socks5://${login}127.0.0.1:${port}`
  const UPSTREAMS = [
    to(hangs),
    to(lies),
    to(refuses, 'ann:other@'),
    to(slow),
    'bind:192.0.2.77',
    'direct',
  ].join()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { UPSTREAMS } })
  await asks(proxy)
  const failures = async (upstream: string, error: string): Promise<number> =>
    proxy.metric('mtscope_upstream_failures_total', { upstream, error })
  await until(async () => (await taken(proxy, 'direct')) === 1, 'the client is served')
  await until(async () => (await failures('socks5-2', 'protocol')) > 0, 'the liar is named')
  for (const [upstream, error] of [
    ['socks5-1', 'timeout'],
    ['socks5-3', 'login'],
    ['socks5-4', 'timeout'],
    ['bind-192.0.2.0/24', 'no-source'],
  ] as const)
    await until(async () => (await failures(upstream, error)) > 0, `${upstream} is named`)
})

test('without any upstream that works, the close names the proxy and the reason upstream', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { UPSTREAMS: `socks5://127.0.0.1:${await freePort()}` },
  })
  const { port, secret } = proxy
  await using client = await connectClient({ mode: 'secure', port, secret, dc: 2 })
  client.reqPq().catch(() => {})
  await client.closed
  const close = await until(
    async () => (await proxy.status()).closes.find(({ reason }) => reason === 'upstream'),
    'the close is counted',
  )
  assert.equal([close.by, close.phase, close.drop], ['proxy', 'dial', true])
})

test.run()
