import { networkInterfaces } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, serving } from '../../compose/test/kit/http/serving.ts'

test('a server on loopback refuses a foreign name', async () => {
  await using server = await serving({ json: { '/api/status': () => 'private' } })
  const status = async (host: string) => (await ask(server.port, '/api/status', { headers: { host } })).status
  for (const host of ['localhost', 'LOCALHOST:9464', `127.0.0.1:${server.port}`, '[::1]:9464']) {
    assert.is(await status(host), 200, host)
  }
  for (const host of [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:80',
    '[::1',
    '10.0.0.1',
  ]) {
    assert.is(await status(host), 421, host)
  }
})

test('a server on every address accepts its own and the allowed names only', async () => {
  const finding = Promise.withResolvers<{ host: string }>()
  const printed: string[] = []
  await using server = await serving({}, '0.0.0.0', {
    allowedHosts: ['proxy', 'metrics.example', 'xn--e1afmkfd.xn--p1ai', 'fd00::5'],
    published: finding.promise,
    logger: (_, message, fields) => printed.push(`${message} ${fields?.host}`),
  })
  const status = async (host: string) => (await ask(server.port, '/healthz', { headers: { host } })).status
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const addresses = own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]:1` : address))
  for (const host of [
    'proxy:9464',
    'PROXY',
    'Metrics.example.:80',
    'xn--e1afmkfd.xn--p1ai',
    '[fd00::5]:9464',
    '[fd00:0:0::0:5]',
    'localhost:9464',
    '[::1]',
    '127.0.0.1',
    ...addresses,
  ])
    assert.is(await status(host), 200, host)
  assert.equal(printed, [])
  for (const host of [
    'evil.example:9464',
    'proxy.evil.example',
    'metrics.example.evil',
    'proxy@evil.example',
    'evil.example/proxy',
    '203.0.113.7',
    '[2001:db8::7]',
    '0.0.0.0:9464',
    'proxy:99999',
    ' ',
  ])
    assert.is(await status(host), 421, host)
  assert.equal(printed, ['http-host-refused evil.example:9464'])
  finding.resolve({ host: '203.0.113.7' })
  await finding.promise
  assert.is(await status('203.0.113.7:9464'), 200)
})

test('METRICS_ALLOWED_HOSTS=* accepts every name', async () => {
  await using server = await serving({}, '0.0.0.0', { allowedHosts: ['*'] })
  assert.is((await ask(server.port, '/healthz', { headers: { host: 'any.example' } })).status, 200)
})

test.run()
