import type { NetworkInterfaceInfo } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { likelyAddress, linksOf } from './links.ts'
import { Secret } from './secret.ts'

const hex = 'c0ffee17a2b94d5e8f6071930ab4d2e6'
const user = { name: 'user1', secret: new Secret(Buffer.from(hex, 'hex')) }

test('each mode has its own secret in both links', () => {
  const place = { server: '203.0.113.7', port: 8080, tlsDomain: 'a.example' }
  const links = linksOf([user], ['classic', 'secure', 'tls'], place)
  const query = (secret: string): string => `server=203.0.113.7&port=8080&secret=${secret}`
  const secrets = [hex, `dd${hex}`, `ee${hex}612e6578616d706c65`]
  assert.equal(
    links.map((link) => link.tg),
    secrets.map((secret) => `tg://proxy?${query(secret)}`),
  )
  assert.equal(
    links.map((link) => link.web),
    secrets.map((secret) => `https://t.me/proxy?${query(secret)}`),
  )
})

test('an IPv6 server is written so that a link can hold it', () => {
  const [link] = linksOf([user], ['secure'], { server: '2001:db8::1', port: 1, tlsDomain: '' })
  assert.is(new URL(link?.web ?? '').searchParams.get('server'), '2001:db8::1')
})

const on = (...addresses: string[]): NodeJS.Dict<NetworkInterfaceInfo[]> => ({
  eth0: addresses.map((address) => {
    const rest = { address, netmask: '', mac: '', cidr: null, internal: false }
    return address.includes(':') ? { ...rest, family: 'IPv6', scopeid: 0 } : { ...rest, family: 'IPv4' }
  }),
})

test('a public address is preferred, then IPv6, then the local network', () => {
  assert.is(likelyAddress(on('10.0.0.5', '2001:db8::1', '203.0.113.7')), '203.0.113.7')
  assert.is(likelyAddress(on('172.17.0.1', 'fe80::1', '2001:db8::1')), '2001:db8::1')
  assert.is(likelyAddress(on('fe80::1', '192.168.1.5')), '192.168.1.5')
  assert.is(likelyAddress(on('fe80::1', 'fd00::1')), '127.0.0.1')
})

test.run()
