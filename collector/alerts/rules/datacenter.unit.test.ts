import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'

/** Probes every half a minute. */
const probing =
  (...probes: ((at: number) => ReturnType<typeof probe>)[]) =>
  (at: number) =>
    at % 30_000 === 0 ? probes.map((make) => make(at)) : []

const well = (at: number) => probe(at, 40)
const other = (at: number) => probe(at, 50, 4)
const dead = (at: number) => probe(at, 'timeout')

test('a datacenter that stops answering is down after three tries, since its last answer, and clears after two', () => {
  const host = watched()
  host.pass(5, probing(well, other))
  const lastAnswer = host.now
  host.pass(1, probing(dead, other))
  assert.equal(host.reported('datacenter-down'), [])
  host.pass(1, probing(dead, other))
  assert.equal(host.reported('datacenter-down'), ['+dc 2 ipv4'])
  const { since, summary } = host.last('datacenter-down')!
  assert.is(since, lastAnswer)
  assert.match(
    summary,
    /DC 2 over IPv4 has not answered since 12:05 UTC .*timeout.* Other datacenters answer/,
  )
  host.pass(0.5, probing(well, other))
  assert.is(host.reported('datacenter-down').length, 1)
  host.pass(2, probing(well, other))
  assert.equal(host.reported('datacenter-down'), ['+dc 2 ipv4', '-dc 2 ipv4'])
})

test('single lost probes raise nothing', () => {
  const host = watched()
  host.pass(60, (at) => (at % 30_000 === 0 ? [at % 90_000 === 0 ? dead(at) : well(at)] : []))
  assert.equal(host.reported('datacenter-down'), [])
})

test('a datacenter that flaps stays up as one alert until it answers twice in a row', () => {
  const host = watched()
  host.pass(5, probing(well))
  host.pass(5, probing(dead))
  host.pass(30, (at) => (at % 30_000 === 0 ? [at % 150_000 === 0 ? well(at) : dead(at)] : []))
  const reported = host.reported('datacenter-down')
  for (const [i, word] of reported.entries()) assert.is(word, i % 2 === 0 ? '+dc 2 ipv4' : '-dc 2 ipv4')
  assert.is(reported[0], '+dc 2 ipv4')
  assert.ok(reported.length <= 2, reported.join(' '))
})

test('a family that never worked from this host raises nothing; one datacenter of a family that works does', () => {
  const host = watched()
  const v6 = (at: number) => probe(at, 'timeout', 2, 'ipv6')
  const blocked = (at: number) => probe(at, 'timeout', 5)
  host.pass(30, probing(well, v6, blocked))
  assert.equal(host.reported('datacenter-down'), ['+dc 5 ipv4'])
  assert.match(host.last('datacenter-down')!.summary, /never answered/)
})

test('a host without any network raises an alert that points at this host', () => {
  const host = watched()
  host.pass(
    5,
    probing(dead, (at) => probe(at, 'timeout', 2, 'ipv6')),
  )
  assert.equal(host.reported('datacenter-down'), ['+dc 2 ipv4'])
  assert.match(host.last('datacenter-down')!.summary, /No other datacenter answers either/)
})

test('an answer that is not Telegram’s points at a program in between, not at a firewall', () => {
  const host = watched()
  host.pass(
    5,
    probing((at) => ({ ...probe(at, 'timeout'), error: 'protocol' })),
  )
  const { summary } = host.last('datacenter-down')!
  assert.match(summary, /the last: protocol.* answers in its place/)
  assert.not.match(summary, /firewall/)
})

test('two addresses of a datacenter: one that answers is enough', () => {
  const host = watched()
  const second = (at: number) => ({ ...probe(at, 'timeout'), address: '192.0.2.9:443' })
  host.pass(30, probing(well, second))
  assert.equal(host.reported('datacenter-down'), [])
})

test('a datacenter twice as slow as usual raises, holds between the limits, and clears', () => {
  const host = watched()
  host.pass(45, probing(well))
  host.pass(
    10,
    probing((at) => probe(at, 280)),
  )
  assert.equal(host.reported('datacenter-slow'), ['+dc 2 ipv4'])
  const { value, baseline, summary } = host.last('datacenter-slow')!
  assert.ok(baseline === 40 && value > 140, `${value} ${baseline}`)
  assert.match(summary, /usually 40 ms/)
  host.pass(
    20,
    probing((at) => probe(at, 120)),
  )
  assert.is(host.reported('datacenter-slow').length, 1)
  host.pass(10, probing(well))
  assert.equal(host.reported('datacenter-slow'), ['+dc 2 ipv4', '-dc 2 ipv4'])
})

test('a distant datacenter is not slow because of its distance, nor a near one because of some ms', () => {
  const host = watched()
  host.pass(
    90,
    probing(
      (at) => probe(at, 320, 5),
      (at) => probe(at, at % 600_000 < 300_000 ? 4 : 20),
    ),
  )
  assert.equal(host.reported('datacenter-slow'), [])
})

test('without history, only an absolute limit makes a datacenter slow', () => {
  const host = watched()
  host.pass(
    10,
    probing(
      (at) => probe(at, 900),
      (at) => probe(at, 2500, 4),
    ),
  )
  assert.equal(host.reported('datacenter-slow'), ['+dc 4 ipv4'])
})

test.run()
