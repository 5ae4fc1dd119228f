import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { selfSigned } from '../kit/servers/certificate.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { tlsSite } from '../kit/servers/site.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureHaproxy, startHaproxy } from '../services/balancer.ts'
import { startNginx } from '../services/nginx.ts'
import { freePorts } from '../services/ports.ts'
import { until } from '../until.ts'

const withHaproxy = skipUnless(test, ensureHaproxy() !== null, 'no haproxy')

/** The name in the certificate that a browser gets. */
const nameShown = async (port: number, servername: string): Promise<string> => {
  const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

test('each domain has its links, its site for probes, and its metric', async () => {
  await using datacenter = await fakeDatacenter()
  await using first = await tlsSite('a.test')
  await using second = await tlsSite('b.test')
  await using proxy = await startAppliance({
    datacenters: { 2: datacenter },
    site: first,
    env: {
      MODES: 'tls',
      TLS_DOMAIN: 'a.test,b.test',
      MASK_HOSTS: `b.test=127.0.0.1:${second.port}`,
    },
  })
  const domains = proxy.lines
    .filter((line) => line.includes('tg://proxy?'))
    .map((line) => new URL(line.trim()).searchParams.get('secret') ?? '')
    .map((secret) => Buffer.from(secret.slice(34), 'hex').toString())
  assert.equal(domains, ['a.test', 'b.test'])
  for (const domain of domains) {
    await using client = await connectClient({ mode: 'tls', port: proxy.port, secret: proxy.secret, domain })
    await client.reqPq()
    assert.is(await nameShown(proxy.port, domain), domain)
  }
  assert.is(await nameShown(proxy.port, 'elsewhere.test'), 'a.test')
  const up = (domain: string) => proxy.metric('mtscope_masking_up', { domain })
  await until(async () => (await up('a.test')) === 1 && (await up('b.test')) === 1, 'both sites are measured')
})

for (const portable of ['false', 'true']) {
  test(`nginx behind a Unix socket or a port sees the client’s address, PORTABLE_RELAY=${portable}`, async () => {
    const [port = 0] = await freePorts(1)
    await using site = await startNginx({
      ...selfSigned('b.test'),
      listen: (folder) => [
        `127.0.0.1:${port} ssl proxy_protocol`,
        `unix:${folder}/b.sock ssl proxy_protocol`,
      ],
      files: { 'index.html': 'nginx' },
    })
    await using first = await tlsSite('a.test')
    await using proxy = await startAppliance({
      site: first,
      env: {
        PORTABLE_RELAY: portable,
        TLS_DOMAIN: 'a.test,b.test,c.test',
        MASK_HOSTS: `b.test=unix:${site.folder}/b.sock,c.test=127.0.0.1:${port}`,
        MASK_PROXY_PROTOCOL: 'b.test,c.test',
      },
    })
    for (const [name, address] of [
      ['b.test', '127.0.0.2'],
      ['c.test', '127.0.0.3'],
    ] as const) {
      const socket = connectTls({
        socket: connect({ port: proxy.port, host: '127.0.0.1', localAddress: address }),
        servername: name,
        rejectUnauthorized: false,
      })
      socket.write(`GET /?${name} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
      const answer = Buffer.concat(await socket.toArray()).toString()
      assert.match(answer, /200 OK[\s\S]*nginx$/)
    }
    const seen = (await readFile(join(site.folder, 'access.log'), 'utf8')).split('\n')
    assert.ok(
      seen.some((line) => line.endsWith(' 127.0.0.2 /index.html')),
      seen.join('\n'),
    )
    assert.ok(
      seen.some((line) => line.endsWith(' 127.0.0.3 /index.html')),
      seen.join('\n'),
    )
    const quality = (of: string) => proxy.metric('mtscope_masking_profile', { domain: 'b.test', quality: of })
    await until(async () => (await quality('measured')) === 1, 'the answer to a browser is measured')
    await using user = await connectClient({
      mode: 'tls',
      port: proxy.port,
      secret: proxy.secret,
      domain: 'b.test',
    })
    await until(
      async () => (await quality('exact')) === 1,
      'the answer to the hello of the client is measured',
    )
    assert.ok(user.greeting)
    for (const domain of ['b.test', 'c.test'])
      await until(
        async () => (await proxy.metric('mtscope_masking_up', { domain })) === 1,
        `${domain} is measured`,
      )
  })
}

withHaproxy(
  'behind HAProxy the site sees the client that HAProxy names, by a port and by a Unix socket',
  async () => {
    const [port = 0, proxyPort = 0] = await freePorts(2)
    await using site = await startNginx({
      ...selfSigned('a.test'),
      listen: () => [`127.0.0.1:${port} ssl proxy_protocol`],
      files: { 'index.html': 'nginx' },
    })
    const path = join(site.folder, 'proxy.sock')
    await using _proxy = await startAppliance({
      env: {
        MTPROTO_PORT: undefined,
        MTPROTO_HOST: undefined,
        LISTEN: `127.0.0.1:${proxyPort},unix:${path}`,
        PROXY_PROTOCOL_FROM: '127.0.0.1',
        TLS_DOMAIN: 'a.test',
        MASK_HOST: '127.0.0.1',
        MASK_PORT: `${port}`,
        MASK_PROXY_PROTOCOL: 'all',
      },
    })
    for (const [server, options] of [
      [`127.0.0.1:${proxyPort}`, 'send-proxy'],
      [`unix@${path}`, 'send-proxy-v2'],
    ] as const) {
      await using balancer = await startHaproxy(server, options)
      const client = connect({ port: balancer.port, host: '127.0.0.1', localAddress: '127.0.0.9' })
      await once(client, 'connect')
      const { localPort } = client
      const socket = connectTls({ socket: client, servername: 'a.test', rejectUnauthorized: false })
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
      assert.match(Buffer.concat(await socket.toArray()).toString(), /200 OK[\s\S]*nginx$/)
      const seen = (await readFile(join(site.folder, 'access.log'), 'utf8')).trim().split('\n')
      assert.match(seen.at(-1)!, ` ${localPort} 127.0.0.9 `)
    }
  },
)

test.run()
