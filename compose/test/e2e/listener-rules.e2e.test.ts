import { once } from 'node:events'
import { symlinkSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { freePort, startAppliance } from '../kit/processes/harness.ts'
import { usersCommand } from '../kit/processes/users-command.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { tcpSite, tlsSite } from '../kit/servers/site.ts'
import { until } from '../until.ts'

/** The name in the certificate that a browser gets behind `header`. */
const nameShown = async (port: number, servername: string, header = ''): Promise<string> => {
  const below = connect({ port, host: '127.0.0.1' })
  await once(below, 'connect')
  below.write(header)
  const socket = connectTls({ socket: below, servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

const header = 'PROXY TCP4 198.51.100.7 203.0.113.1 50001 443\r\n'
/** MTPROTO_* of the harness would clash with LISTEN. */
const short = { MTPROTO_PORT: undefined, MTPROTO_HOST: undefined }

test('each listener has its own modes, domain, masking host, PROXY protocol and links', async () => {
  await using datacenter = await fakeDatacenter()
  await using first = await tlsSite('a.test')
  await using second = await tlsSite('b.test')
  const [one, two] = [await freePort(), await freePort()]
  const listeners = [
    `127.0.0.1:${one}?name=one&modes=secure+tls`,
    `127.0.0.1:${two}?name=two&modes=tls&domain=b.test&proxy-protocol=127.0.0.1&public-host=two.example&public-port=443`,
    `unix:/tmp/mtscope-${process.pid}-rules.sock?name=three&domain=b.test+a.test&public-port=8443`,
  ]
  const API_TOKEN = 't'.repeat(40)
  const settings = {
    LISTEN: listeners.join(','),
    PUBLIC_HOST: 'proxy.example',
    TLS_DOMAIN: 'a.test,b.test',
    MASK_HOSTS: `b.test=127.0.0.1:${second.port}`,
  }
  await using proxy = await startAppliance({
    datacenters: { 2: datacenter },
    site: first,
    env: { ...short, ...settings, API_TOKEN },
  })
  const { secret } = proxy
  for (const domain of ['a.test', 'b.test']) {
    await using client = await connectClient({ mode: 'tls', port: one, secret, domain })
    await client.reqPq()
    assert.is(await nameShown(one, domain), domain)
  }
  assert.is(await nameShown(one, 'elsewhere.test'), 'a.test')
  // The second listener knows one domain: it shows every probe that site, also the one that asks for the first domain.
  for (const name of ['a.test', 'b.test', 'elsewhere.test'])
    assert.is(await nameShown(two, name, header), 'b.test', name)
  const refused = (): Promise<number> =>
    proxy.metric('mtscope_proxy_headers_refused_total', { reason: 'bad-header' })
  await nameShown(two, 'b.test').then(
    () => assert.unreachable('a client without a header is closed'),
    () => {},
  )
  await until(async () => (await refused()) === 1, 'the client without a header is counted')

  const links = (all: readonly { listener: string; mode: string; domain: string | null; tg: string }[]) =>
    all.map(({ listener, mode, domain, tg }) => {
      const { searchParams } = new URL(tg)
      return `${listener} ${mode} ${domain} ${searchParams.get('server')}:${searchParams.get('port')}`
    })
  const expected = [
    `one secure null proxy.example:${one}`,
    `one tls a.test proxy.example:${one}`,
    `one tls b.test proxy.example:${one}`,
    'two tls b.test two.example:443',
    'three classic null proxy.example:8443',
    'three secure null proxy.example:8443',
    'three tls b.test proxy.example:8443',
    'three tls a.test proxy.example:8443',
  ]
  const answer = await fetch(`${proxy.metricsUrl}/api/v1/users/user1/links`, {
    headers: { authorization: `Bearer ${API_TOKEN}` },
  })
  const { links: listed } = (await answer.json()) as { links: Parameters<typeof links>[0] }
  assert.equal(links(listed), expected)
  const env = { ...settings, USER1_SECRET: secret, MODES: 'classic,secure,tls' }
  const asked = await usersCommand(proxy.folder, ['link', 'user1', '--json'], { env })
  assert.equal(links(JSON.parse(asked.out).links), expected, asked.err)
  const printed = proxy.lines.filter((line) => line.includes('tg://'))
  assert.is(printed.length, expected.length)
  // Removes its Unix socket.
  await proxy.stop()
})

test('a masking host at the public address of another listener is refused: no connection loops', async () => {
  await using first = await tlsSite('a.test')
  // In place of the router that forwards this port to the second listener.
  await using router = await tcpSite((socket) => socket.end())
  const [one, two] = [await freePort(), await freePort()]
  await using proxy = await startAppliance({
    site: first,
    env: {
      ...short,
      LISTEN: `127.0.0.1:${one}?name=one,127.0.0.1:${two}?public-host=localhost&public-port=${router.port}`,
      TLS_DOMAIN: 'a.test,b.test',
      MASK_HOSTS: `b.test=127.0.0.1:${router.port}`,
    },
  })
  assert.is(proxy.lines.filter((line) => line.includes('masking-host-is-this-proxy')).length, 1)
  assert.is(await nameShown(one, 'a.test'), 'a.test')
  assert.is(await proxy.metric('mtscope_masking_up', { domain: 'b.test' }), 0)
  const probe = connectTls({ port: one, host: '127.0.0.1', servername: 'b.test', rejectUnauthorized: false })
  probe.on('error', () => {})
  const refused = (): Promise<number> => proxy.metric('mtscope_handshakes_rejected_total')
  await until(async () => (await refused()) === 2, 'both probes are refused')
  assert.is(router.accepted(), 0)
  probe.destroy()
})

test('a masking host that is the Unix socket of another listener, also by a link to it, ends the start', async () => {
  const path = `/tmp/mtscope-${process.pid}-loop.sock`
  symlinkSync(path, `${path}.link`)
  using stack = new DisposableStack()
  stack.defer(() => unlinkSync(`${path}.link`))
  for (const site of [path, `${path}.link`]) {
    const env = {
      ...short,
      LISTEN: `127.0.0.1:${await freePort()},unix:${path}`,
      TLS_DOMAIN: 'a.test,b.test',
      MASK_HOSTS: `b.test=unix:${site}`,
    }
    await startAppliance({ env }).then(
      () => assert.unreachable('it starts'),
      (error: Error) => assert.match(error.message, `MASK_HOSTS=b.test=unix:${site} is this proxy itself`),
    )
  }
})

test.run()
