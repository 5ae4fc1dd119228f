import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'
import type { Family, ProxyEvent } from '../../../proxy/events/contract.ts'

const rule = 'middle-proxies-away'

const probe =
  (outcome: 'pong' | 'reset' | 'unreachable', dc = 2, family: Family = 'ipv4') =>
  (at: number): ProxyEvent => ({
    v: 1,
    type: 'middle-proxy.probed',
    at,
    dc,
    media: false,
    family,
    address: `${dc}-${family}:8888`,
    ...(outcome === 'pong' ? { tcpMs: 5, handshakeMs: 9, pingMs: 4 } : { error: outcome }),
  })

const client =
  (to: { via: 'middle-proxy' } | { fallback: true }) =>
  (at: number): ProxyEvent => ({
    v: 1,
    type: 'datacenter.dialed',
    at,
    connection: '1'.repeat(32),
    mode: 'tls',
    user: 'one',
    dc: 2,
    media: false,
    address: 'x:1',
    family: 'ipv4',
    pooled: false,
    elapsedMs: 1,
    ...to,
  })

/** Every half a minute. */
const often =
  (...make: ((at: number) => ProxyEvent)[]) =>
  (at: number) =>
    at % 30_000 === 0 ? make.map((one) => one(at)) : []

test('middle proxies that stop answering are away after three probes, and back after two', () => {
  const host = watched()
  host.pass(5, often(probe('pong'), probe('pong', 4)))
  const lastAnswer = host.now
  host.pass(2, often(probe('reset'), probe('pong', 4), client({ fallback: true })))
  assert.equal(host.reported(rule), ['+dc 2'])
  const { since, summary } = host.last(rule)!
  assert.is(since, lastAnswer)
  assert.match(
    summary,
    /DC 2 have not answered since 12:05 UTC .*reset.* went directly .* other datacenters answer/,
  )
  assert.equal(host.reported('datacenter-down'), [])
  host.pass(3, often(probe('pong'), probe('pong', 4)))
  assert.equal(host.reported(rule), ['+dc 2', '-dc 2'])
})

test('where those of every datacenter are away, the address in the keys is what to check', () => {
  const host = watched()
  host.pass(5, often(probe('reset'), probe('reset', 4)))
  assert.equal(host.reported(rule), ['+dc 2', '+dc 4'])
  assert.match(host.last(rule)!.summary, /have never answered.*PUBLIC_HOST/)
})

test('one family that answers is enough, and a lost probe raises nothing', () => {
  const host = watched()
  host.pass(10, often(probe('pong'), probe('unreachable', 2, 'ipv6')))
  host.pass(30, (at) => (at % 30_000 === 0 ? [probe(at % 90_000 === 0 ? 'reset' : 'pong')(at)] : []))
  assert.equal(host.reported(rule), [])
})

test('without probes the clients that go around middle proxies raise it, and those that get through clear it', () => {
  const host = watched()
  host.pass(5, often(client({ fallback: true })))
  assert.equal(host.reported(rule), ['+dc 2'])
  host.pass(5, often(client({ via: 'middle-proxy' })))
  assert.equal(host.reported(rule), ['+dc 2', '-dc 2'])
})

test('an alert clears when middle proxies are not used any more', () => {
  const host = watched()
  host.pass(5, often(probe('reset')))
  host.pass(65, () => [])
  assert.equal(host.reported(rule), ['+dc 2', '-dc 2'])
})

test.run()
