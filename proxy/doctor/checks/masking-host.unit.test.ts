import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { selfSigned } from '../../../compose/test/kit/servers/certificate.ts'
import { tcpSite, tlsSite } from '../../../compose/test/kit/servers/site.ts'
import { examine } from '../examine.ts'
import { maskingCheck } from './masking-host.ts'

const masking = (env: Readonly<Record<string, string>>) =>
  examine({ masking: maskingCheck }, exampleAbout(env))

test('a site is checked for TLS 1.3, its certificate and the post-quantum group', async () => {
  await using site = await tlsSite()
  const found = await masking({ MASK_HOST: site.host, MASK_PORT: `${site.port}`, TLS_DOMAIN: 'mask.test' })
  assert.equal(verdictsOf(found), {
    'masking.address': 'ok',
    'masking.tls': 'ok',
    // Self-signed.
    'masking.certificate': 'warn',
    'masking.post-quantum': 'ok',
    'masking.profile': 'ok',
    'masking.shared': 'ok',
  })
})

test('a site behind a shared CDN is recognised by its headers, and a site without such headers is not', async () => {
  const { key, cert } = selfSigned('mask.test')
  for (const [header, whose] of [
    ['CF-Ray: 9a0-AMS', 'Cloudflare'],
    ['x-amz-cf-id: abc', 'CloudFront'],
    ['X-Served-By: cache-ams21-AMS', 'Fastly'],
    ['Server: AkamaiGHost', 'Akamai'],
    ['x-azure-ref: 0', 'Azure Front Door'],
    ['X-Served-By: shelf 2\r\nServer: not cloudflare', null],
  ] as const) {
    const server = createServer({ key, cert }, (socket) => {
      socket.on('error', () => {}).end(`HTTP/1.1 200 OK\r\n${header}\r\nDate: now\r\n\r\n`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const found = await masking({ MASK_HOST: '127.0.0.1', MASK_PORT: `${port}` })
    server.close()
    const shared = found.find(({ id }) => id === 'masking.shared')
    assert.is(shared?.verdict, whose === null ? 'ok' : 'warn', header)
    if (whose !== null) assert.match(shared?.states ?? '', ` is ${whose}: `)
  }
})

test('a site without TLS, a site that does not answer, and a name without a DNS answer', async () => {
  await using site = await tcpSite((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const plain = await masking({ MASK_HOST: site.host, MASK_PORT: `${site.port}` })
  assert.is(verdictsOf(plain)['masking.tls'], 'fail')
  const closed = await masking({ MASK_HOST: '127.0.0.1', MASK_PORT: '1' })
  assert.is(verdictsOf(closed)['masking.tls'], 'fail')
  assert.match(closed.map(({ states }) => states).join('\n'), 'ECONNREFUSED')
  const nowhere = await masking({ MASK_HOST: 'no-such-host.invalid' })
  assert.equal(verdictsOf(nowhere), { 'masking.address': 'fail' })
  assert.equal(verdictsOf(await masking({ MASK_HOST: 'off' })), { 'masking.address': 'note' })
})

test('a masking host that is this proxy is reported', async () => {
  const forwarded = { PUBLIC_HOST: '192.0.2.9', PUBLIC_PORT: '443', MASK_HOST: '192.0.2.9' }
  assert.match((await masking(forwarded))[0]?.states ?? '', 'is this proxy itself')
  const second = '127.0.0.1:8080?public-port=80,127.0.0.1:8443?public-host=192.0.2.10&public-port=443'
  const found = await masking({ PUBLIC_HOST: '192.0.2.9', MASK_HOST: '192.0.2.10', LISTEN: second })
  assert.match(found[0]?.states ?? '', 'MASK_HOST 192.0.2.10:443 is this proxy itself')
})

test.run()
