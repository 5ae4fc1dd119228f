import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PREFIX_BURST, PREFIX_BYTES_A_SECOND } from '../../../proxy/relay/budget.ts'
import { BYTES_A_SECOND, FREE_BYTES } from '../../../proxy/relay/sessions/fronting.ts'
import { connectClient, newSecret } from '../kit/client/client.ts'
import { clientHello } from '../kit/client/client-hello.ts'
import { initiate } from '../kit/client/obfuscation.ts'
import { observe, type Step } from '../kit/client/probe.ts'
import { freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { echoSite, siteName, sitePage, tcpSite, tlsSite } from '../kit/servers/site.ts'
import { until } from '../until.ts'

const http = Buffer.from(`GET / HTTP/1.1\r\nHost: ${siteName}\r\nConnection: close\r\n\r\n`)

test('an unauthenticated client gets the masking host’s answer to any bytes, byte for byte', async () => {
  await using site = await echoSite()
  await using proxy = await startAppliance({ site, env: { CLIENT_HANDSHAKE_TIMEOUT: '2' } })
  const late = 4_000
  const domain = siteName
  const wrongSecret = clientHello({ secret: randomBytes(16), domain }).bytes
  const tooOld = clientHello({ secret: Buffer.from(proxy.secret, 'hex'), domain, at: 1_600_000_000 }).bytes
  const otherName = clientHello({ secret: Buffer.from(proxy.secret, 'hex'), domain: 'other.test' }).bytes
  const unauthenticated: Record<string, Step[]> = {
    'plain HTTP': [http, 'fin'],
    'HTTP, byte by byte': [...Array.from(http.subarray(0, 20), (byte) => Buffer.from([byte])), http, 'fin'],
    'one byte': [Buffer.from('x'), 'fin'],
    'the first byte of a TLS record': [Buffer.from([0x16]), 'fin'],
    'a record of nothing': [Buffer.from('1603010000', 'hex'), 'fin'],
    'a record longer than any hello': [Buffer.from('160301ffff', 'hex'), randomBytes(400), 'fin'],
    'a hello of a few bytes': [Buffer.from('160301000401000000', 'hex'), 'fin'],
    'half a hello': [wrongSecret.subarray(0, 300), 'fin'],
    'half a hello, and silence': [wrongSecret.subarray(0, 300), late, 'fin'],
    '63 bytes': [randomBytes(63), 'fin'],
    '64 bytes of garbage': [randomBytes(64), 'fin'],
    'much garbage': [randomBytes(200_000), 'fin'],
    'garbage behind garbage': [randomBytes(64), 50, randomBytes(5000), 200, randomBytes(5000), 'fin'],
    'something short, then silence': [Buffer.from('hello?'), late, 'fin'],
    'nothing at all, then something': [late, Buffer.from('hello?'), 'fin'],
    'a hello signed with an unknown secret': [wrongSecret, randomBytes(100), 'fin'],
    'a hello from another time': [tooOld, 'fin'],
    'a hello for another name': [otherName, 'fin'],
    'an opening with a strange secret': [initiate('padded-intermediate', 2, randomBytes(16)).bytes, 'fin'],
    'an opening for no known datacenter': [
      initiate('padded-intermediate', 77, Buffer.from(proxy.secret, 'hex')).bytes,
      'fin',
    ],
  }
  await Promise.all(
    Object.entries(unauthenticated).map(async ([who, steps]) => {
      const direct = await observe(site.port, steps)
      const fronted = await observe(proxy.port, steps)
      assert.is(fronted.bytes.toString('hex'), direct.bytes.toString('hex'), who)
      assert.is(fronted.end, direct.end, who)
    }),
  )
  const { rejections } = await until(async () => {
    const status = await proxy.status()
    return status.fronted >= Object.keys(unauthenticated).length ? status : undefined
  }, 'every unauthenticated client is counted')
  const reasons = rejections.map(({ reason }) => reason)
  for (const reason of ['bad-digest', 'clock-skew', 'unknown-sni', 'not-mtproto', 'unknown-dc', 'timeout'])
    assert.ok(reasons.includes(reason as never), `${reason} among ${reasons}`)
})

test('the masking host’s FIN or reset reaches the unauthenticated client', async () => {
  for (const end of ['reset', 'fin', 'fin-first'] as const) {
    await using site = await tcpSite((socket) => {
      if (end === 'fin-first') socket.end('closing time')
      else
        socket.once('data', () => {
          if (end === 'reset') socket.resetAndDestroy()
          else socket.end('no')
        })
    })
    await using proxy = await startAppliance({ site, env: { CLIENT_FIRST_BYTE_TIMEOUT: '0.5' } })
    const steps = end === 'fin-first' ? [] : [http]
    assert.equal(await observe(proxy.port, steps), await observe(site.port, steps), end)
  }
})

for (const portable of ['false', 'true'])
  test(`bulk to and from the masking host is throttled, complete, and ends in order, PORTABLE_RELAY=${portable}`, async () => {
    await using site = await echoSite()
    await using proxy = await startAppliance({ site, env: { PORTABLE_RELAY: portable } })
    // A page at full speed, then four seconds at the throttled rate.
    const sent = randomBytes(FREE_BYTES + 4 * BYTES_A_SECOND)
    const startedAt = performance.now()
    const { bytes, end } = await observe(proxy.port, [sent, 'fin'])
    const tookMs = performance.now() - startedAt
    assert.is(end, 'fin')
    assert.ok(bytes.equals(Buffer.concat([sent, Buffer.from('bye')])), `${bytes.length} bytes`)
    assert.ok(tookMs > 3_000, `in ${tookMs} ms`)
  })

test('new connections from one address share one budget across threads', async () => {
  const block = Buffer.alloc(1 << 20)
  await using site = await tcpSite((socket) => {
    const fill = (): void => {
      while (!socket.destroyed && socket.write(block)) {}
    }
    socket.on('drain', fill).once('data', fill)
  })
  await using proxy = await startAppliance({ site })
  const startedAt = performance.now()
  let passed = 0
  let stopped = false
  const visit = async (): Promise<void> => {
    while (!stopped) {
      let seen = 0
      const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
      socket.write(http)
      socket.on('data', (bytes: Buffer) => {
        passed += bytes.length
        seen += bytes.length
        // Within the bytes that one connection gets at full speed.
        if (seen > FREE_BYTES / 2 || stopped) socket.destroy()
      })
      const timer = setInterval(() => stopped && socket.destroy(), 50)
      await once(socket, 'close')
      clearInterval(timer)
    }
  }
  const visits = Array.from({ length: 8 }, visit)
  // Time itself: a rate is measured over a span.
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  stopped = true
  await Promise.all(visits)
  const most = PREFIX_BURST + ((performance.now() - startedAt) / 1_000) * PREFIX_BYTES_A_SECOND
  assert.ok(passed > PREFIX_BURST / 2, `${passed} bytes`)
  assert.ok(passed <= most + 1_048_576, `${passed} bytes of ${most}`)
})

test('a browser completes its handshake with the masking host’s own certificate', async () => {
  await using site = await tlsSite()
  await using proxy = await startAppliance({ site })
  for (const servername of [siteName, 'other.test']) {
    const visit = (port: number) =>
      new Promise<{ print: string; page: string; resumed: boolean }>((resolve, reject) => {
        const options = { port, host: '127.0.0.1', servername, ca: site.cert }
        const socket = connectTls({ ...options, checkServerIdentity: () => undefined }, () =>
          socket.write(http),
        )
        let page = ''
        let print = ''
        socket.once('secureConnect', () => {
          print = socket.getPeerCertificate().fingerprint256
        })
        socket.on('data', (bytes: Buffer) => {
          page += bytes
        })
        socket.on('end', () => resolve({ print, page, resumed: socket.isSessionReused() }))
        socket.on('error', reject)
      })
    const [direct, fronted] = [await visit(site.port), await visit(proxy.port)]
    assert.is(fronted.print, direct.print)
    assert.ok(fronted.page.endsWith(sitePage) || fronted.page.includes(sitePage), fronted.page)
  }
  const direct = await observe(site.port, [http])
  assert.equal(await observe(proxy.port, [http]), direct)
})

test('a fake-TLS answer has the length and the group of the masking host’s answer', async () => {
  await using site = await tlsSite()
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ site, datacenters: { 2: dc } })
  for (const postQuantum of [false, true]) {
    const { bytes, groups } = clientHello({ secret: randomBytes(16), domain: siteName, postQuantum })
    const seen = await observe(site.port, [bytes, 400, 'fin'])
    const options = { mode: 'tls' as const, port: proxy.port, secret: proxy.secret, postQuantum }
    await using client = await connectClient(options)
    assert.is(client.greeting?.group, groups[0])
    const apart = Math.abs(client.greeting!.answerBytes - seen.bytes.length)
    // The signature in the certificate flight varies by a few bytes, and a refused handshake ends with an alert.
    assert.ok(apart < 64, `${client.greeting!.answerBytes} bytes, the site ${seen.bytes.length}`)
  }
})

test('a replayed handshake is refused by every thread', async () => {
  await using site = await echoSite()
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ site, datacenters: { 2: dc }, env: { WORKERS: '2' } })
  for (const mode of ['secure', 'tls'] as const) {
    await using client = await connectClient({ mode, port: proxy.port, secret: proxy.secret })
    await client.reqPq()
    const served = dc.served.length
    const replayed = client.firstBytes[0]!
    for (let i = 0; i < 12; i++) {
      const { bytes, end } = await observe(proxy.port, [replayed, 'fin'])
      assert.is(end, 'fin')
      assert.ok(bytes.equals(Buffer.concat([replayed, Buffer.from('bye')])), `${mode}: fronted`)
    }
    assert.is(dc.served.length, served)
    await client.reqPq()
  }
  await until(async () => (await proxy.status()).replaysRefused === 24, 'each replay is counted')
})

test('of equal handshakes at the same time one is accepted', async () => {
  await using site = await echoSite()
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ site, datacenters: { 2: dc }, env: { WORKERS: '2' } })
  const { bytes } = initiate('padded-intermediate', 2, Buffer.from(proxy.secret, 'hex'))
  const seen = await Promise.all(
    Array.from({ length: 16 }, () =>
      observe(proxy.port, [bytes, 'fin'], (back) => back.length >= bytes.length),
    ),
  )
  assert.is(seen.filter((one) => one.bytes.subarray(0, bytes.length).equals(bytes)).length, 15)
})

test('without a masking host an unauthenticated client gets no byte', async () => {
  await using proxy = await startAppliance({ env: { MASK_HOST: 'off', CLIENT_HANDSHAKE_TIMEOUT: '1' } })
  for (const steps of [
    [http],
    [randomBytes(5000)],
    [clientHello({ secret: randomBytes(16), domain: siteName }).bytes],
  ]) {
    const { bytes } = await observe(proxy.port, [...steps, 300, 'fin'])
    assert.is(bytes.length, 0)
  }
})

test('a masking host that resolves to the proxy itself causes no loop', async () => {
  const here = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address
  if (!here) return
  const port = await freePort()
  await using proxy = await startAppliance({
    env: { MTPROTO_HOST: '0.0.0.0', MTPROTO_PORT: `${port}`, MASK_HOST: here, MASK_PORT: `${port}` },
  })
  await observe(proxy.port, [http, 500, 'fin'])
  await until(
    async () => (await proxy.status()).rejections.length > 0,
    'the unauthenticated client is counted',
  )
  const { rejections } = await proxy.status()
  assert.ok(rejections.reduce((sum, { total }) => sum + total, 0) <= 2)
})

test('replays from the address of a client do not affect that client', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  await Promise.all(
    Array.from({ length: 40 }, () => observe(proxy.port, [randomBytes(100), 100, 'fin']).catch(() => {})),
  )
  await using client = await connectClient({ mode: 'tls', port: proxy.port, secret: proxy.secret })
  await client.reqPq()
  const wrong = await connectClient({ mode: 'tls', port: proxy.port, secret: newSecret() }).then(
    () => 'accepted',
    () => 'refused',
  )
  assert.is(wrong, 'refused')
})

test.run()
