import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { linksOf } from './links.ts'
import { Secret } from './secret.ts'

const hex = 'c0ffee17a2b94d5e8f6071930ab4d2e6'
const user = { name: 'user1', secret: new Secret(Buffer.from(hex, 'hex')), enabled: true, limits: {} }

test('each mode and each domain has its own form of the secret in both links', () => {
  const place = {
    listener: null,
    server: '203.0.113.7',
    port: 8080,
    modes: ['classic', 'secure', 'tls'] as const,
    domains: ['a.example', 'b.example'],
  }
  const links = linksOf([user], [place])
  const query = (secret: string): string => `server=203.0.113.7&port=8080&secret=${secret}`
  const secrets = [hex, `dd${hex}`, `ee${hex}612e6578616d706c65`, `ee${hex}622e6578616d706c65`]
  assert.equal(
    links.map((link) => link.tg),
    secrets.map((secret) => `tg://proxy?${query(secret)}`),
  )
  assert.equal(
    links.map((link) => link.web),
    secrets.map((secret) => `https://t.me/proxy?${query(secret)}`),
  )
  assert.equal(
    links.map(({ domain }) => domain),
    [null, null, 'a.example', 'b.example'],
  )
})

test('a link can hold an IPv6 server', () => {
  const [link] = linksOf(
    [user],
    [{ listener: null, server: '2001:db8::1', port: 1, modes: ['secure'], domains: [] }],
  )
  assert.is(new URL(link?.web ?? '').searchParams.get('server'), '2001:db8::1')
})

test.run()
