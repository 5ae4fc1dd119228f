import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { mute, servedAgain, silentClients } from '../kit/client/silent.ts'
import { ops } from '../kit/client/wishes.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { type FakeDatacenter, fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { deafSite } from '../kit/servers/site.ts'
import { until } from '../until.ts'

const megabyte = 1 << 20

/** Resolves when the datacenter has not been able to send for half a second. */
const stuck = async (dc: FakeDatacenter): Promise<void> => {
  let before = -1
  let since = performance.now()
  await until(
    () => {
      const sent = dc.served.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0)
      if (sent !== before) since = performance.now()
      before = sent
      return performance.now() - since > 500
    },
    'the datacenter is held back',
    60_000,
  )
}

for (const FAST_MODE of ['true', 'false'])
  test(`FAST_MODE=${FAST_MODE}: clients that do not read cost no memory and lose no byte`, async () => {
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { FAST_MODE } })
    await using stack = new AsyncDisposableStack()
    const flood = 40 * megabyte
    const clients = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const mode = i % 2 === 0 ? ('secure' as const) : ('tls' as const)
        const client = stack.use(await connectClient({ mode, port: proxy.port, secret: proxy.secret }))
        await client.download(megabyte)
        return client
      }),
    )
    const before = await proxy.rssBytes()
    const downloads = clients.map((client) => {
      client.stopReading()
      const download = client.download(flood)
      // Awaited at the end; an earlier failure must not become an unhandled rejection.
      download.catch(() => {})
      return download
    })
    await stuck(dc)
    const grown = (await proxy.rssBytes()) - before
    assert.ok(grown < 32 * megabyte, `${Math.round(grown / megabyte)} MB more for ${clients.length} clients`)
    for (const client of clients) client.startReading()
    await Promise.all(downloads)
  })

test('a datacenter that does not read costs no memory', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  await using stack = new AsyncDisposableStack()
  const clients = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const mode = i % 2 === 0 ? ('secure' as const) : ('tls' as const)
      const client = stack.use(await connectClient({ mode, port: proxy.port, secret: proxy.secret }))
      await client.upload(megabyte)
      return client
    }),
  )
  const before = await proxy.rssBytes()
  for (const client of clients) {
    client.wish(ops.stopReading)
    client.sendSink(40 * megabyte).catch(() => {})
  }
  let sent = -1
  await until(
    async () => {
      const now = clients.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0)
      const still = now === sent
      sent = now
      // Time itself: that nothing moves is measured over a span.
      await new Promise((resolve) => setTimeout(resolve, 400))
      return still
    },
    'the clients are held back',
    60_000,
  )
  const grown = (await proxy.rssBytes()) - before
  assert.ok(grown < 32 * megabyte, `${Math.round(grown / megabyte)} MB more for ${clients.length} clients`)
})

for (const PORTABLE_RELAY of ['false', 'true'])
  test(`PORTABLE_RELAY=${PORTABLE_RELAY}: a client that acknowledges nothing for CLIENT_ACK_TIMEOUT is closed`, async () => {
    await using dc = await fakeDatacenter()
    const env = { CLIENT_ACK_TIMEOUT: '1.5', PORTABLE_RELAY }
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env })
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
    await client.reqPq()
    client.stopReading()
    client.download(100 * megabyte).catch(() => {})
    await until(() => dc.served[0]?.socket.destroyed || dc.served[0]?.socket.readableEnded, 'let go', 20_000)
    await until(
      async () =>
        (await proxy.status()).closes.some(({ by, reason }) => by === 'client' && reason === 'timeout'),
      'counted as a timeout of the client',
    )
  })

for (const mode of ['secure', 'tls'] as const)
  for (const FAST_MODE of ['true', 'false'])
    test(`${mode}, FAST_MODE=${FAST_MODE}: bytes after a half-close are delivered in full`, async () => {
      await using dc = await fakeDatacenter()
      await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { FAST_MODE } })
      const options = { mode, port: proxy.port, secret: proxy.secret, holdOpen: true }
      await using one = await connectClient(options)
      await one.downloadAfterEnd(20 * megabyte)
      const opened = dc.next()
      await using other = await connectClient(options)
      await other.downloadThenFin(1000)
      const served = await opened
      if (!other.socket.readableEnded) await once(other.socket, 'end')
      const sent = await other.sendSink(20 * megabyte)
      other.end()
      await served.closed
      assert.equal(served.sunk(), sent)
    })

test('connections beyond MAX_CONNECTIONS are refused with a counted reason, and the others stay', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { MAX_CONNECTIONS: '6' } })
  await using stack = new AsyncDisposableStack()
  const options = { mode: 'tls' as const, port: proxy.port, secret: proxy.secret }
  const connecting = await Promise.allSettled(Array.from({ length: 14 }, () => connectClient(options)))
  const inside = connecting.flatMap((one) => (one.status === 'fulfilled' ? [stack.use(one.value)] : []))
  assert.is(inside.length, 6)
  await Promise.all(inside.map((client) => client.reqPq()))
  await until(async () => (await proxy.status()).limits.connections === 8, 'eight are refused')
  for (const client of inside.splice(0, 3)) await client[Symbol.asyncDispose]()
  await until(async () => (await proxy.status()).open.total === 3, 'three are left')
  await using late = await connectClient(options)
  await late.reqPq()
})

test('out of file descriptors the proxy neither spins nor dies', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, nofile: 128, env: { MASK_HOST: 'off' } })
  const reported = / warn few-file-descriptors limit=128 MAX_CONNECTIONS=\d+ allows=\d+ /
  assert.ok(
    proxy.lines.some((line) => reported.test(line)),
    proxy.lines.join('\n'),
  )
  {
    using _ = silentClients(proxy.port, 300)
    await until(
      async () => ((await proxy.status()).limits['file-descriptors'] ?? 0) > 0,
      'clients shed',
      30_000,
    )
    const before = await proxy.cpuSeconds()
    // Time itself: the CPU used in two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const busy = ((await proxy.cpuSeconds()) - before) / 2
    assert.ok(busy < 0.3, `${Math.round(busy * 100)} % of a core`)
  }
  await servedAgain(proxy)
})

// epoll reads 4 KiB of each, so that all stay: reads of 64 KiB would be 125 MB. node:net reads up to 128 KiB of each before a
// pause has an effect, 375 MB for all, so that the bound for all clients together closes most of them.
for (const { PORTABLE_RELAY, clients, bytes, most } of [
  { PORTABLE_RELAY: 'false', clients: 2_000, bytes: 65_536, most: 64 },
  { PORTABLE_RELAY: 'true', clients: 3_000, bytes: 131_072, most: 192 },
])
  test(`while the masking host accepts no connection, first reads of ${clients} clients cost less than ${most} MB, PORTABLE_RELAY=${PORTABLE_RELAY}`, async () => {
    await using site = await deafSite()
    await using proxy = await startAppliance({ site, env: { TG_CONNECT_TIMEOUT: '120', PORTABLE_RELAY } })
    const before = await proxy.rssBytes()
    const sockets: Socket[] = []
    try {
      for (let i = 0; i < clients; i++) {
        const socket = mute(proxy.port)
        sockets.push(socket)
        socket.write(Buffer.alloc(bytes, 0x99))
        if (i % 50 === 49) await once(socket, 'connect')
      }
      await until(
        async () => {
          const { open, limits } = await proxy.status()
          return open.total + (limits.strangers ?? 0) === clients
        },
        'all came',
        60_000,
      )
      const grown = (await proxy.rssBytes()) - before
      assert.ok(grown < most * megabyte, `${Math.round(grown / megabyte)} MB more`)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

test.run()
