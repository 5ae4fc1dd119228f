import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { handEngine } from '../../compose/test/kit/relay/hand-driven.ts'
import { dialer } from './dial.ts'
import type { Address } from './directory.ts'
import type { Upstream } from './upstream.ts'
import { type UpstreamState, upstreamsOf } from './upstreams.ts'

const addresses: readonly Address[] = ['192.0.2.1', '192.0.2.2'].map((host) => ({
  host,
  port: 443,
  family: 'ipv4',
}))
const state = (upstream: Upstream): UpstreamState => ({ upstream, down: false, places: new Map() })
const direct: Upstream = { kind: 'direct', name: 'direct', weight: null }
const socks: Upstream = {
  kind: 'socks5',
  name: 'socks5-1',
  weight: null,
  servers: ['198.51.100.1'],
  port: 1080,
  login: null,
}
const bound: Upstream = {
  kind: 'bind',
  name: 'bind-203.0.113.0/24',
  weight: null,
  addresses: ['203.0.113.1', '203.0.113.2'],
  device: null,
}

const race = (all: readonly Upstream[], to: readonly Address[] = addresses) => {
  const engine = handEngine()
  const reported: string[] = []
  const rested: string[] = []
  let now = 0
  const upstreams = upstreamsOf(
    all.map(state),
    (name) => rested.push(name),
    () => 0,
  )
  const dialing = dialer(
    engine,
    5_000,
    (error) => reported.push(String(error)),
    () => now,
    upstreams,
  )
  const dial = () =>
    dialing.dial(to, {
      connected: (_, { host }, __, upstream) => reported.push(`connected ${host} ${upstream}`),
      missed: ({ host }, error, _, upstream) => reported.push(`missed ${host} ${error} ${upstream}`),
      left: (upstream, error) => reported.push(`left ${upstream} ${error}`),
      failed: (error) => reported.push(`failed ${error}`),
      faulted: () => reported.push('faulted'),
    })
  return {
    ...{ engine, reported, rested, upstreams, dial },
    at: (ms: number) => {
      now = ms
      dialing.pulse(ms)
    },
    hosts: () => engine.running.map(({ host }) => host),
    order: () => upstreams.order(now).map(({ name }) => name),
  }
}

test('a SOCKS5 server that refuses is left for the next upstream immediately', () => {
  const { engine, reported, dial, hosts } = race([socks, direct])
  dial()
  assert.equal(hosts(), ['198.51.100.1'])
  engine.running[0]!.fails('refused')
  assert.equal(hosts(), ['192.0.2.1'])
  engine.running[0]!.connects()
  assert.equal(reported, ['left socks5-1 refused', 'connected 192.0.2.1 direct'])
})

test('a datacenter that is refused behind a SOCKS5 server is named itself, and its next address is tried', () => {
  const { engine, reported, dial, hosts } = race([socks])
  dial()
  const link = engine.running[0]!.connects()
  assert.is(link.text, '\x05\x01\x00')
  link.sends('\x05\x00')
  link.sends('\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00')
  assert.ok(link.closed)
  assert.equal(reported, ['missed 192.0.2.1 refused socks5-1'])
  assert.equal(hosts(), ['198.51.100.1'])
})

test('a handshake that is cut into bytes connects, and the link is passed on', () => {
  const { engine, reported, dial } = race([socks])
  dial()
  const link = engine.running[0]!.connects()
  for (const byte of '\x05\x00\x05\x00\x00\x03\x02ab\x00\x50') link.sends(byte)
  assert.equal(reported, ['connected 192.0.2.1 socks5-1'])
  assert.not(link.closed)
})

test('an upstream that hangs is overtaken after 1.1 s, and counts as failed', () => {
  const { engine, reported, dial, at, hosts } = race([socks, direct])
  dial()
  engine.running[0]!.connects()
  at(300)
  at(1_500)
  assert.equal(hosts().at(-1), '192.0.2.1')
  engine.running.at(-1)!.connects()
  assert.equal(reported, ['left socks5-1 timeout', 'connected 192.0.2.1 direct'])
  assert.equal(hosts(), [])
})

test('a datacenter that is silent directly is named, and its upstream does not count as failed', () => {
  const { engine, reported, dial, at, order } = race([direct, socks], addresses.slice(0, 1))
  for (let i = 0; i < 3; i++) {
    dial()
    at((i + 1) * 2_000)
    const link = engine.running.at(-1)!.connects()
    link.sends('\x05\x00')
    link.sends('\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00')
  }
  assert.equal(reported.slice(0, 2), ['missed 192.0.2.1 timeout direct', 'connected 192.0.2.1 socks5-1'])
  assert.equal([order(), engine.running], [['direct', 'socks5-1'], []])
})

test('a SOCKS5 server is dialed at its other address when one fails, and at that one first from then on', () => {
  const two = { ...socks, name: 'two', servers: ['198.51.100.8', '198.51.100.9'] }
  const { engine, reported, dial, hosts } = race([two], addresses.slice(0, 1))
  dial()
  engine.running[0]!.fails('unreachable')
  assert.equal([hosts(), reported], [['198.51.100.9'], []])
  engine.running[0]!.connects()
  dial()
  assert.equal(hosts(), ['198.51.100.9'])
})

test('a silent SOCKS5 server times out as the upstream, not as the datacenter', () => {
  const { engine, reported, dial, at } = race([socks], addresses.slice(0, 1))
  dial()
  engine.running[0]!.connects().sends('\x05\x00')
  at(5_000)
  assert.equal(reported, ['left socks5-1 timeout', 'failed upstream'])
})

test('an upstream that has failed three times in a row rests, and is tried again after 30 s', () => {
  const { engine, dial, at, order, rested } = race([socks, direct])
  for (let i = 0; i < 3; i++) {
    assert.equal(order(), ['socks5-1', 'direct'])
    dial()
    engine.running[0]!.fails('refused')
    engine.running[0]!.connects()
  }
  assert.equal([order(), rested], [['direct', 'socks5-1'], ['socks5-1']])
  at(30_000)
  assert.equal(order(), ['socks5-1', 'direct'])
})

test('an upstream that probes found down comes last, and returns with them', () => {
  const { upstreams, order, rested } = race([socks, direct])
  upstreams.change([{ ...state(socks), down: true }, state(direct)])
  assert.equal([order(), rested], [['direct', 'socks5-1'], ['socks5-1']])
  upstreams.change([state(socks), state(direct)])
  assert.equal(order(), ['socks5-1', 'direct'])
})

test('upstreams without a server or source are left out, and without any the dial fails at the next pulse', () => {
  const { reported, dial, at, order } = race([
    { ...socks, servers: [] },
    { ...bound, addresses: [] },
  ])
  assert.equal(order(), [])
  dial()
  assert.equal(reported, [])
  at(50)
  assert.equal(reported, ['failed upstream'])
})

test('the next source address is taken when one has no free port', () => {
  const { engine, reported, dial } = race([bound, direct], addresses.slice(0, 1))
  dial()
  const first = engine.running[0]!
  first.fails('no-ports')
  const second = engine.running[0]!
  assert.equal([first, second].map(({ source }) => source?.address).sort(), bound.addresses)
  second.fails('no-ports')
  engine.running[0]!.connects()
  assert.equal(reported, ['left bind-203.0.113.0/24 no-ports', 'connected 192.0.2.1 direct'])
})

test('an upstream bound to IPv4 is not asked for an IPv6 address', () => {
  const six: Address = { host: '2001:db8::1', port: 443, family: 'ipv6' }
  const { dial, hosts } = race([bound], [six, ...addresses])
  dial()
  assert.equal(hosts(), ['192.0.2.1'])
})

test('each upstream dials its own best address first', () => {
  const { upstreams, dial, hosts } = race([direct])
  upstreams.change([
    {
      ...state(direct),
      places: new Map([
        ['192.0.2.2:443', 0],
        ['192.0.2.1:443', 1],
      ]),
    },
  ])
  dial()
  assert.equal(hosts(), ['192.0.2.2'])
})

test('upstreams with weights get their shares, and all of them are tried', () => {
  const one = { ...direct, name: 'one', weight: 1 } as const
  const three = { ...direct, name: 'three', weight: 3 } as const
  let share = 0
  const upstreams = upstreamsOf(
    [state(one), state(three)],
    () => {},
    () => share,
  )
  const first: string[] = []
  for (let i = 0; i < 100; i++) {
    share = i / 100
    const order = upstreams.order(0)
    assert.is(order.length, 2)
    first.push(order[0]!.name)
  }
  assert.is(first.filter((name) => name === 'three').length, 75)
})

test('a lack of descriptors on this host is not a fault of an upstream', () => {
  const { engine, reported, dial, order } = race([socks], addresses.slice(0, 1))
  for (let i = 0; i < 3; i++) {
    dial()
    engine.running[0]!.fails('no-descriptors')
  }
  assert.equal([order(), reported.at(-1)], [['socks5-1'], 'failed no-descriptors'])
})

test.run()
