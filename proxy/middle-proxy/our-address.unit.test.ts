import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { findAddress, LinkAddress } from '../users/public-address.ts'
import { ourAddressOf, watchOurAddress } from './our-address.ts'

const none = { ipv4: null, ipv6: null }
const running = new AbortController().signal

/** What the search for a public address finds when PUBLIC_HOST does not give it. */
const finding =
  (found: LinkAddress): typeof findAddress =>
  async ({ publicHost }) =>
    publicHost === null ? found : { host: publicHost, from: 'setting' }

const ofHost = (publicHost: string | null, found: LinkAddress) =>
  ourAddressOf({ publicHost, publicHostFrom: null }, running, finding(found))

test('PUBLIC_HOST is the address where it is one, else the one that is found', async () => {
  const echo = { host: '203.0.113.7', from: 'echo' } as const
  assert.equal(await ofHost('198.51.100.1', echo), { ipv4: '198.51.100.1', ipv6: null })
  assert.equal(await ofHost('2001:db8::1', echo), { ipv4: null, ipv6: '2001:db8::1' })
  assert.equal(await ofHost('proxy.example.com', echo), { ipv4: '203.0.113.7', ipv6: null })
  assert.equal(await ofHost(null, echo), { ipv4: '203.0.113.7', ipv6: null })
  assert.equal(await ofHost(null, { host: '10.0.0.1', from: 'local', why: '' }), none)
})

test('a new address is reported, a repeated or a missing one is not', async () => {
  const stopping = new AbortController()
  // The pauses of the watch keep no process alive.
  const alive = setInterval(() => {}, 1_000)
  const hosts = ['', '203.0.113.7', '203.0.113.7', '', '203.0.113.8']
  const changes: (string | null)[] = []
  await watchOurAddress({
    settings: { publicHost: null, publicHostFrom: null },
    signal: stopping.signal,
    changed: ({ ipv4 }) => {
      changes.push(ipv4)
      if (hosts.length === 0) stopping.abort()
    },
    find: async () => {
      const host = hosts.shift() ?? ''
      return host === '' ? { host: '10.0.0.1', from: 'local', why: '' } : { host, from: 'echo' }
    },
    againMs: 1,
    retryMs: 1,
  })
  clearInterval(alive)
  assert.equal(changes, ['203.0.113.7', '203.0.113.8'])
})

test.run()
