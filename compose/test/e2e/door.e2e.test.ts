import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { clientHello } from '../kit/client/client-hello.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName } from '../kit/servers/site.ts'
import { until } from '../until.ts'

for (const PORTABLE_RELAY of ['false', 'true'])
  test(`PORTABLE_RELAY=${PORTABLE_RELAY}: clients that connected while the process was stopped are served`, async () => {
    await using dc = await fakeDatacenter()
    const seconds = 6
    const env = {
      PORTABLE_RELAY,
      CLIENT_HANDSHAKE_TIMEOUT: `${seconds}`,
      CLIENT_FIRST_BYTE_TIMEOUT: `${seconds}`,
    }
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env })
    await using stack = new AsyncDisposableStack()
    const options = { port: proxy.port, secret: proxy.secret, opening: 'with-request' as const }
    const clients = await Promise.all(
      (['classic', 'secure', 'tls', 'tls'] as const).map(async (mode) =>
        stack.use(await connectClient({ ...options, mode })),
      ),
    )
    const { bytes } = clientHello({ secret: Buffer.from(proxy.secret, 'hex'), domain: siteName })
    const half = connect(proxy.port, '127.0.0.1').on('error', () => {})
    stack.defer(() => void half.destroy())
    half.write(bytes.subarray(0, 200))
    await until(async () => (await proxy.status()).open.total === clients.length + 1, 'all accepted')
    proxy.signal('SIGSTOP')
    const requests = clients.map((client) => client.reqPq())
    half.write(bytes.subarray(200))
    const answer = once(half, 'data') as Promise<[Buffer]>
    // Time itself: the process is stopped for longer than a client may be silent.
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000 + 500))
    proxy.signal('SIGCONT')
    await Promise.all(requests)
    assert.is((await answer)[0].toString('hex', 0, 3), '160303')
    assert.equal((await proxy.status()).rejections, [])
  })

for (const PORTABLE_RELAY of ['false', 'true'])
  test(`PORTABLE_RELAY=${PORTABLE_RELAY}: a flood of silent clients from one address does not affect others`, async () => {
    await using dc = await fakeDatacenter()
    // Scaled down from 5,000 connections a second and 2,000 places.
    const env = { PORTABLE_RELAY, MAX_HANDSHAKES: '200' }
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env })
    const flood = new Set<Socket>()
    let came = 0
    const timer = setInterval(() => {
      for (let i = 0; i < 25; i++) {
        const socket = connect({ port: proxy.port, host: '127.0.0.1', localAddress: '127.0.9.9' })
        came++
        flood.add(socket)
        socket.on('error', () => {}).on('close', () => flood.delete(socket))
        // Half of them send one byte.
        if (i % 2 === 0) socket.write('x')
      }
    }, 50)
    let served = 0
    let failed = 0
    try {
      await until(
        async () => ((await proxy.status()).limits.strangers ?? 0) > 0,
        'the limit refuses connections',
        60_000,
      )
      for (let round = 0; round < 10; round++)
        await Promise.all(
          Array.from({ length: 10 }, async (_, i) => {
            const mode = i % 2 === 0 ? ('tls' as const) : ('secure' as const)
            const localAddress = `127.0.${20 + round * 10 + i}.1`
            const options = { mode, port: proxy.port, secret: proxy.secret, localAddress }
            try {
              await using client = await connectClient(options)
              await client.reqPq()
              served++
            } catch {
              failed++
            }
          }),
        )
    } finally {
      clearInterval(timer)
      for (const socket of flood) socket.destroy()
    }
    assert.ok(served >= 99 && failed <= 1, `${served} served, ${failed} refused, ${came} silent ones`)
  })

test.run()
