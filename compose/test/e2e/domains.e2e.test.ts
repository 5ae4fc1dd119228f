import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { tlsSite } from '../kit/servers/site.ts'
import { until } from '../until.ts'

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

test.run()
