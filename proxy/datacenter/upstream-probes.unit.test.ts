import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fakeDatacenter } from '../../compose/test/kit/servers/fake-datacenter.ts'
import { socksRelay } from '../../compose/test/kit/servers/socks-relay.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { randomPool } from '../wire/random.ts'
import { addressOf } from './directory.ts'
import type { Upstream } from './upstream.ts'
import { upstreamProbes } from './upstream-probes.ts'

const random = randomPool(1_024)

const probing = (current: () => Upstream, intervalMs: number) => {
  const events: ProxyEvent[] = []
  const changes: unknown[] = []
  const probes = upstreamProbes({
    current,
    targets: 2,
    intervalMs,
    emit: (event) => events.push(event),
    now: () => 1_000,
    changed: (down, error) => changes.push([down, error]),
  })
  return {
    events,
    changes,
    probe: (port: number) =>
      probes.probe({
        address: addressOf('127.0.0.1', port),
        id: 2,
        random,
        timeoutMs: 10_000,
        signal: new AbortController().signal,
      }),
  }
}

const through = (port: number): Upstream => ({
  kind: 'socks5',
  name: 'socks5-1',
  weight: null,
  servers: ['127.0.0.1'],
  port,
  login: null,
})

test('an upstream is down after two failures of its own, and back with its first answer', async () => {
  await using dc = await fakeDatacenter()
  await using socks = await socksRelay()
  const { probe, events, changes } = probing(() => through(socks.port), 0)
  assert.ok((await probe(dc.port))?.ok)
  await socks.goAway()
  assert.is(await probe(dc.port), null)
  assert.equal(changes, [])
  assert.is(await probe(dc.port), null)
  assert.equal(changes, [[true, 'refused']])
  assert.equal(
    events.map((event) => event.type === 'upstream.failed' && [event.upstream, event.error, event.at]),
    [
      ['socks5-1', 'refused', 1_000],
      ['socks5-1', 'refused', 1_000],
    ],
  )
  await socks.comeBack()
  assert.ok((await probe(dc.port))?.ok)
  assert.equal(changes, [
    [true, 'refused'],
    [false, null],
  ])
})

test('a datacenter that fails behind an upstream is its own failure; a whole round of them takes the upstream down', async () => {
  await using dc = await fakeDatacenter()
  await using socks = await socksRelay()
  await dc.goAway()
  const { probe, events, changes } = probing(() => through(socks.port), 0)
  for (let i = 0; i < 2; i++) assert.equal(await probe(dc.port), { ok: false, error: 'refused' })
  assert.equal([events, changes], [[], []])
  await probe(dc.port)
  assert.equal(changes, [[true, 'refused']])
})

test('an upstream that is down is probed once in half an interval', async () => {
  await using socks = await socksRelay()
  await socks.goAway()
  const { probe, events } = probing(() => through(socks.port), 3_600_000)
  for (let i = 0; i < 5; i++) await probe(9)
  assert.is(events.length, 2)
})

test('an upstream without an address of its own fails without a dial', async () => {
  const lost: Upstream = { kind: 'bind', name: 'bind-eth1', weight: null, addresses: [], device: 'eth1' }
  const { probe, events, changes } = probing(() => lost, 0)
  await probe(9)
  await probe(9)
  assert.equal(changes, [[true, 'no-source']])
  assert.is(events.length, 2)
})

test('an address of a family for which it has no source does not count for an upstream', async () => {
  const six: Upstream = { kind: 'bind', name: 'bind-six', weight: null, addresses: ['::1'], device: null }
  const { probe, events, changes } = probing(() => six, 0)
  for (let i = 0; i < 5; i++) assert.is(await probe(9), null)
  assert.equal([events, changes], [[], []])
})

test.run()
