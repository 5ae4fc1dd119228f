import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isOurselves, resolvePlaces } from './ourselves.ts'

/** A listener without a public address. */
const tcp = (host: string, port: number) => ({ at: { host, port }, publicHost: null, publicPort: null })
const unix = (path: string) => ({ at: { path, mode: 0o660 }, publicHost: null, publicPort: null })

test('isOurselves finds the proxy on loopback, on its own addresses and in every spelling, and nowhere else', () => {
  const place = { at: { host: '::', port: 8080 }, publicHost: '203.0.113.9', publicPort: 443 }
  const at = (host: string, port = 8080) => isOurselves({ host, port }, [place])
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::',
    '::ffff:127.0.0.1',
  ]) {
    assert.ok(at(host), host)
    assert.not(at(host, 443), host)
  }
  for (const all of Object.values(networkInterfaces()))
    for (const { address } of all ?? []) assert.ok(at(address))
  assert.ok(at('203.0.113.9') && at('203.0.113.9', 443))
  assert.not(at('203.0.113.9', 8443))
  assert.not(at('example.com') || at('/run/site.sock'))
  assert.not(at('203.0.113.10') || at('2001:db8::1'))
})

test('each listener counts, and one of a single address at that address only', () => {
  const places = [
    tcp('127.0.0.1', 8443),
    tcp('192.0.2.1', 443),
    tcp('0.0.0.0', 80),
    unix('/run/mtscope.sock'),
  ]
  const at = (host: string, port: number) => isOurselves({ host, port }, places)
  assert.ok(at('127.0.0.1', 8443) && at('0.0.0.0', 8443) && at('::ffff:127.0.0.1', 8443))
  assert.not(at('127.0.0.2', 8443) || at('::1', 8443) || at('::', 8443))
  assert.ok(at('192.0.2.1', 443))
  assert.not(at('127.0.0.1', 443) || at('192.0.2.1', 8443))
  assert.ok(at('127.0.0.2', 80))
  assert.not(at('::1', 80), 'a listener of IPv4 only')
  assert.not(isOurselves({ host: '127.0.0.1', port: 443 }, []))
})

test('the public address and port of a listener belong together', () => {
  const one = { ...tcp('::', 8080), publicHost: '203.0.113.1', publicPort: 443 }
  const other = { ...unix('/run/a.sock'), publicHost: '203.0.113.2', publicPort: 8443 }
  const at = (host: string, port: number) => isOurselves({ host, port }, [one, other])
  assert.ok(at('203.0.113.1', 443) && at('203.0.113.2', 8443))
  assert.not(at('203.0.113.1', 8443) || at('203.0.113.2', 443))
})

test('a Unix socket is found by every path to it, and one that does not exist yet by its folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-ourselves-'))
  symlinkSync(folder, join(folder, 'again'))
  symlinkSync(join(folder, 'proxy.sock'), join(folder, 'link.sock'))
  const places = [unix(join(folder, 'proxy.sock'))]
  const at = (host: string) => isOurselves({ host, port: 0 }, places)
  assert.ok(at(join(folder, 'proxy.sock')) && at(join(folder, 'again', 'proxy.sock')))
  assert.ok(at(join(folder, 'again', 'link.sock')), 'a link to a socket that does not exist yet')
  assert.not(at(join(folder, 'site.sock')))
  assert.ok(isOurselves({ host: '/no/such/../folder/a.sock', port: 0 }, [unix('/no/folder/a.sock')]))
  rmSync(folder, { recursive: true })
})

test('names of links stand for all their addresses, and are looked up once', async () => {
  const asked: string[] = []
  const lookUp = async (name: string): Promise<readonly string[]> => {
    asked.push(name)
    return name === 'gone.test' ? [] : ['203.0.113.1', '203.0.113.2']
  }
  const named = { ...tcp('::', 1), publicHost: 'own.test' }
  const hosts = (places: Awaited<ReturnType<typeof resolvePlaces>>) => places.map((place) => place.publicHost)
  const listeners = [tcp('::', 443), tcp('::', 8443), named]
  const known = await resolvePlaces(listeners, 'all.test', lookUp)
  assert.is(known.length, 6)
  assert.equal(new Set(hosts(known)), new Set(['203.0.113.1', '203.0.113.2']))
  assert.equal(asked, ['all.test', 'own.test'])
  assert.equal(hosts(await resolvePlaces([tcp('::', 443)], 'gone.test', lookUp)), [null])
  assert.equal(hosts(await resolvePlaces([tcp('::', 443)], '203.0.113.9', lookUp)), ['203.0.113.9'])
})

test.run()
