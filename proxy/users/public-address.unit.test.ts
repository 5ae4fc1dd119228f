import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deadLinks, findAddress, readEcho } from './public-address.ts'

const on = (...addresses: string[]): NodeJS.Dict<NetworkInterfaceInfo[]> => ({
  eth0: addresses.map((address) => {
    const rest = { address, netmask: '', mac: '', cidr: null, internal: false }
    return address.includes(':') ? { ...rest, family: 'IPv6', scopeid: 0 } : { ...rest, family: 'IPv4' }
  }),
})

const going = new AbortController().signal

/** The address found where PUBLIC_HOST_FROM answers like this, and the number of its requests. */
const found = async (interfaces: ReturnType<typeof on>, answer: RequestListener, patienceMs = 10_000) => {
  await using server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  let asked = 0
  server.on('request', () => asked++)
  const publicHostFrom = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const address = await findAddress({ publicHost: null, publicHostFrom }, going, { interfaces, patienceMs })
  server.closeAllConnections()
  return { ...address, asked }
}

const states =
  (body: string, status = 200): RequestListener =>
  (_request, response) =>
    response.writeHead(status).end(body)

test('PUBLIC_HOST, or a public IPv4 address of this host, is used without a request', async () => {
  const config = { publicHost: 'proxy.test', publicHostFrom: 'http://127.0.0.1:1/' }
  assert.equal(await findAddress(config, going), { host: 'proxy.test', from: 'setting' })
  const own = await found(on('10.0.0.5', '2001:db8::1', '203.0.113.7'), states('198.51.100.1'))
  assert.equal(own, { host: '203.0.113.7', from: 'interface', asked: 0 })
})

test('behind NAT the answer of PUBLIC_HOST_FROM comes before a public IPv6 address of this host', async () => {
  for (const interfaces of [on('172.17.0.2'), on(), on('10.0.0.5', '2001:db8::1')]) {
    const seen = await found(interfaces, states('198.51.100.1\n'))
    assert.equal(seen, { host: '198.51.100.1', from: 'echo', asked: 1 })
  }
})

test('without an answer IPv6 comes first, then the local network, then loopback', async () => {
  const alone = async (...addresses: string[]) =>
    findAddress({ publicHost: null, publicHostFrom: null }, going, { interfaces: on(...addresses) })
  assert.equal(await alone('172.17.0.1', 'fe80::1', '2001:db8::1'), {
    host: '2001:db8::1',
    from: 'interface',
  })
  const why = 'PUBLIC_HOST_FROM=none'
  assert.equal(await alone('fe80::1', '192.168.1.5'), { host: '192.168.1.5', from: 'local', why })
  assert.equal(await alone('100.64.3.4'), { host: '100.64.3.4', from: 'local', why })
  assert.equal(await alone('fe80::1', 'fd00::1'), { host: '127.0.0.1', from: 'local', why })
})

test('only an address alone or a line ip= is read', () => {
  assert.is(readEcho('203.0.113.7'), '203.0.113.7')
  assert.is(readEcho(' 2001:db8::7\r\n'), '2001:db8::7')
  assert.is(
    readEcho('fl=1\nh=www.cloudflare.com\nip=203.0.113.7\nts=1.5\nvisit_scheme=https\n'),
    '203.0.113.7',
  )
  for (const body of [
    '',
    '<html>203.0.113.7</html>',
    'ip=',
    'ip=proxy.test',
    'zip=203.0.113.7',
    'ip=203.0.113.7&x',
    '203.0.113.7 198.51.100.1',
    '203.0.113.256',
    '10.1.2.3',
    'ip=127.0.0.1',
    '0.0.0.0',
    '100.127.1.1',
    '169.254.169.254',
    '172.31.0.1',
    '239.1.2.3',
    '255.255.255.255',
    '::1',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:203.0.113.7',
  ])
    assert.is(readEcho(body), null, body)
})

test('an answer that is empty, too long, late or missing leaves the local address, with the reason', async () => {
  const behind = on('172.17.0.2')
  for (const [answer, why, patienceMs] of [
    [states('10.9.8.7'), 'returns no public address'],
    [states('203.0.113.7', 404), 'returns 404'],
    [states('', 302), 'returns 302'],
    [states(`${'x'.repeat(5_000)}\nip=203.0.113.7\n`), 'returns more than 4096 bytes'],
    [(_request, response) => response.destroy(), 'fails: ECONNRESET'],
    [() => {}, 'does not answer', 20],
    [(_request, response) => response.writeHead(200).write('ip='), 'does not answer', 20],
  ] as const satisfies (readonly [RequestListener, string, number?])[]) {
    const address = await found(behind, answer, patienceMs)
    assert.is(address.from, 'local', why)
    assert.is(address.host, '172.17.0.2')
    assert.match(
      deadLinks(address)?.states ?? '',
      new RegExp(`172\\.17\\.0\\.2.*127\\.0\\.0\\.1:\\d+ ${why}`),
    )
  }
})

test('a start that is stopped does not wait for the answer', async () => {
  const stopping = new AbortController()
  const reached = Promise.withResolvers<void>()
  await using server = createServer(() => reached.resolve()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const publicHostFrom = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const finding = findAddress({ publicHost: null, publicHostFrom }, stopping.signal, { interfaces: on() })
  await reached.promise
  stopping.abort()
  assert.is((await finding).host, '127.0.0.1')
})

test.run()
