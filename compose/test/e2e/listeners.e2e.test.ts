import { lstatSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLog } from '../../../proxy/event-log/read.ts'
import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import { type ClientOptions, connectClient } from '../kit/client/client.ts'
import { type Appliance, freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureHaproxy, ensureNginxStream, startHaproxy, startNginxStream } from '../services/balancer.ts'
import { until } from '../until.ts'

const withHaproxy = skipUnless(test, ensureHaproxy() !== null, 'no haproxy')
const withNginx = skipUnless(test, ensureNginxStream() !== null, 'no nginx with its module for streams')

type Accepted = Extract<ProxyEvent, { type: 'connection.accepted' }>

const eventsOf = ({ folder }: Appliance): ProxyEvent[] => {
  using log = readLog(join(folder, 'data'))
  const events: ProxyEvent[] = []
  let row = 0
  for (let rows = log.page(row); rows.length > 0; rows = log.page(row)) {
    for (const { batch } of rows) events.push(...batch.events)
    row = rows.at(-1)!.row
  }
  return events
}

const acceptedOf = (proxy: Appliance): Accepted[] =>
  eventsOf(proxy).filter((event) => event.type === 'connection.accepted')

const relays = async (options: ClientOptions): Promise<void> => {
  await using client = await connectClient(options)
  const sent = Buffer.from(`over ${options.path ?? options.port}`)
  assert.equal(await client.echo(sent), sent)
}

/** MTPROTO_* of the harness would clash with LISTEN. */
const listening = (LISTEN: string, env: Readonly<Record<string, string>> = {}) => ({
  MTPROTO_PORT: undefined,
  MTPROTO_HOST: undefined,
  LISTEN,
  ...env,
})

/** What a connection that sends `bytes` gets until its end. */
const answerOf = async (port: number, bytes: string | Buffer): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1' })
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return answer
}

for (const portable of ['false', 'true']) {
  const engine = portable === 'true' ? 'node:net' : 'epoll'

  test(`${engine}: each listener relays by its own rules, and its clients carry its name`, async () => {
    await using dc = await fakeDatacenter()
    const [any, tls] = [await freePort(), await freePort()]
    const path = `/tmp/mtscope-${process.pid}-${engine.replace(':', '')}.sock`
    await using proxy = await startAppliance({
      datacenters: { 2: dc },
      env: listening(
        `127.0.0.1:${any}?name=any,127.0.0.1:${tls}?name=tls&modes=tls&public-port=443,unix:${path}?mode=0600&name=local&modes=secure`,
        { PORTABLE_RELAY: portable, PUBLIC_HOST: 'proxy.example' },
      ),
    })
    const { secret } = proxy
    assert.is(lstatSync(path).mode & 0o777, 0o600)
    for (const mode of ['classic', 'secure', 'tls'] as const) await relays({ mode, port: any, secret })
    await relays({ mode: 'tls', port: tls, secret })
    // More than one thread accepts from the socket.
    for (let i = 0; i < 8; i++) await relays({ mode: 'secure', port: 0, path, secret })
    await connectClient({ mode: 'secure', port: tls, secret }).then(
      async (client) => {
        await client.closed
        await client[Symbol.asyncDispose]()
      },
      () => {},
    )
    await until(() => acceptedOf(proxy).length === 13, 'thirteen connections in the event log')
    const names = acceptedOf(proxy).map(({ listener }) => listener)
    const count = (name: string): number => names.filter((other) => other === name).length
    assert.equal([count('any'), count('tls'), count('local')], [3, 2, 8])
    if (engine === 'epoll') {
      const workers = acceptedOf(proxy).flatMap(({ listener, worker }) =>
        listener === 'local' ? [worker] : [],
      )
      assert.equal([...new Set(workers)].sort(), [0, 1], 'both threads accept from the Unix socket')
    }
    assert.is(await proxy.metric('mtscope_listener_accepted_total', { listener: 'local' }), 8)
    const links = proxy.lines.filter((line) => line.includes('tg://'))
    // The Unix socket has no port that a link could name.
    assert.is(links.length, 4)
    assert.is(links.filter((line) => line.includes('port=443&')).length, 1)
    await proxy.stop()
    assert.throws(() => lstatSync(path), /ENOENT/)
  })
}

test('a Unix socket that a killed proxy left is replaced', async () => {
  const path = `/tmp/mtscope-${process.pid}-stale.sock`
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: listening(`127.0.0.1:${await freePort()},unix:${path}?name=local`),
  })
  await proxy.stop('SIGKILL')
  assert.ok(lstatSync(path).isSocket())
  await proxy.start()
  await relays({ mode: 'secure', port: 0, path, secret: proxy.secret })
  await proxy.stop()
})

const prefixOf = async (proxy: Appliance): Promise<string | undefined> => {
  await until(() => acceptedOf(proxy).length > 0, 'a connection in the event log')
  return acceptedOf(proxy).at(-1)?.prefix
}

for (const version of ['send-proxy', 'send-proxy-v2']) {
  withHaproxy(
    `the client behind HAProxy (${version}) is the one that counts, and health checks count nothing`,
    async () => {
      await using dc = await fakeDatacenter()
      const port = await freePort()
      await using proxy = await startAppliance({
        datacenters: { 2: dc },
        env: { MTPROTO_PORT: `${port}`, PROXY_PROTOCOL_FROM: '127.0.0.1' },
      })
      const options = `${version} check inter 50ms`
      await using balancer = await startHaproxy(`127.0.0.1:${port}`, options)
      const { secret } = proxy
      const localAddress = '127.77.88.99'
      for (const mode of ['secure', 'tls'] as const)
        await relays({ mode, port: balancer.port, secret, localAddress })
      await until(() => acceptedOf(proxy).length === 2, 'two connections in the event log')
      for (const { prefix } of acceptedOf(proxy)) assert.is(prefix, '127.77.88.0/24')
      assert.is(await proxy.metric('mtscope_proxy_headers_refused_total'), 0)
      assert.is(await proxy.metric('mtscope_handshakes_rejected_total'), 0)
    },
  )
}

withHaproxy('HAProxy reaches a Unix socket, and the header names the client', async () => {
  await using dc = await fakeDatacenter()
  const path = `/tmp/mtscope-${process.pid}-balancer.sock`
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: listening(`127.0.0.1:${await freePort()},unix:${path}?proxy-protocol=on&name=local&mode=0666`),
  })
  await using balancer = await startHaproxy(`unix@${path}`, 'send-proxy-v2')
  const localAddress = '127.5.6.7'
  await relays({ mode: 'tls', port: balancer.port, secret: proxy.secret, localAddress })
  assert.is(await prefixOf(proxy), '127.5.6.0/24')
  await proxy.stop()
})

withNginx('the client behind nginx is the one that counts', async () => {
  await using dc = await fakeDatacenter()
  const port = await freePort()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { MTPROTO_PORT: `${port}`, PROXY_PROTOCOL_FROM: '127.0.0.0/30' },
  })
  await using balancer = await startNginxStream(`127.0.0.1:${port}`)
  const localAddress = '127.33.44.55'
  await relays({ mode: 'secure', port: balancer.port, secret: proxy.secret, localAddress })
  assert.is(await prefixOf(proxy), '127.33.44.0/24')
})

test('a wrong header, a late one and an untrusted source are closed without an answer, and counted by reason', async () => {
  const [trusting, distrusting] = [await freePort(), await freePort()]
  await using proxy = await startAppliance({
    env: listening(
      `127.0.0.1:${trusting}?proxy-protocol=127.0.0.1,127.0.0.1:${distrusting}?proxy-protocol=192.0.2.0/24`,
      { CLIENT_HANDSHAKE_TIMEOUT: '0.5' },
    ),
  })
  assert.is(await answerOf(trusting, 'GET / HTTP/1.1\r\n\r\n'), '')
  assert.is(await answerOf(trusting, 'PROXY TCP4 1.2.3.4 5.6.7.8 1'), '')
  assert.is(await answerOf(distrusting, 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'), '')
  const refused = (reason: string): Promise<number> =>
    proxy.metric('mtscope_proxy_headers_refused_total', { reason })
  for (const reason of ['bad-header', 'no-header', 'untrusted-source'])
    await until(async () => (await refused(reason)) === 1, `${reason} is counted`)
  assert.equal((await proxy.status()).headers, { 'bad-header': 1, 'no-header': 1, 'untrusted-source': 1 })
})

test.run()
