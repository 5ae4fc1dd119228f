import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { mute, servedAgain, silentClients } from '../kit/client/silent.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

for (const env of [{ PORTABLE_RELAY: 'false' }, { PORTABLE_RELAY: 'true' }, { MASK_HOST: 'off' }])
  test(`silent unauthenticated clients take at most half of the places, ${JSON.stringify(env)}`, async () => {
    await using dc = await fakeDatacenter()
    const limits = { MAX_CONNECTIONS: '20', CLIENT_FIRST_BYTE_TIMEOUT: '0.5', WORKERS: '2' }
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { ...limits, ...env } })
    {
      using _ = silentClients(proxy.port, 20)
      await until(
        async () => (await proxy.status()).limits.strangers === 10,
        'ten unauthenticated clients are refused',
      )
      await using client = await connectClient({ mode: 'tls', port: proxy.port, secret: proxy.secret })
      await client.reqPq()
      await until(
        async () => (await proxy.status()).open.total === 11,
        'ten unauthenticated clients and one user are open',
      )
    }
    await until(async () => (await proxy.status()).open.total === 0, 'every connection is closed')
  })

test('unfinished handshakes beyond MAX_HANDSHAKES are refused; clients are served again when they end', async () => {
  await using dc = await fakeDatacenter()
  const env = { MAX_HANDSHAKES: '5', MASK_HOST: 'off' }
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env })
  {
    using _ = silentClients(proxy.port, 20)
    await until(
      async () => ((await proxy.status()).limits.strangers ?? 0) >= 10,
      'silent clients are refused',
    )
  }
  await servedAgain(proxy)
})

for (const PORTABLE_RELAY of ['false', 'true'])
  test(`PORTABLE_RELAY=${PORTABLE_RELAY}: 10,000 silent connections push out no client, and new clients are served`, async () => {
    await using dc = await fakeDatacenter()
    const limits = { MAX_CONNECTIONS: '200', MAX_HANDSHAKES: '80', WORKERS: '2', MASK_HOST: 'off' }
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { ...limits, PORTABLE_RELAY } })
    await using stack = new AsyncDisposableStack()
    const client = async () => {
      const options = { mode: 'tls' as const, port: proxy.port, secret: proxy.secret }
      const connected = stack.use(await connectClient(options))
      await connected.reqPq()
      return connected
    }
    const inside = await Promise.all(Array.from({ length: 20 }, client))
    const silent = new Set<Socket>()
    try {
      for (let wave = 0; wave < 50; wave++) {
        const sockets = Array.from({ length: 200 }, (_, i) => mute(proxy.port, `127.${wave + 1}.${i + 1}.1`))
        for (const socket of sockets) {
          silent.add(socket)
          socket.once('close', () => silent.delete(socket))
        }
        await Promise.all(
          sockets.map((socket) => (socket.connecting ? once(socket, 'connect').catch(() => {}) : null)),
        )
        if (wave % 10 === 9) inside.push(await client())
      }
      await Promise.all(inside.map((one) => one.reqPq()))
      await until(async () => ((await proxy.status()).limits.handshakes ?? 0) > 0, 'a counted reason')
      const { closes } = await proxy.status()
      assert.equal(
        closes.filter(({ phase }) => phase === 'relaying'),
        [],
        'no client is closed',
      )
    } finally {
      for (const socket of silent) socket.destroy()
    }
  })

test.run()
