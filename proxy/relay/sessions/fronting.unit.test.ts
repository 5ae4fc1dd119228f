import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import type { HandLink } from '../../../compose/test/kit/relay/hand-driven.ts'
import { nothing, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import { runs } from '../../../compose/test/kit/runs.ts'
import { PREFIX_BURST, PREFIX_BYTES_A_SECOND } from '../budget.ts'
import { BYTES_A_SECOND, FREE_BYTES } from './fronting.ts'

const read = 65_536
const garbage = 'x'.repeat(5_000)

/** An unauthenticated client and its masking host. */
const fronted = () => {
  const proxy = relaying()
  const client = proxy.arrives()
  client.sends(garbage)
  return { ...proxy, client, host: proxy.engine.dials[0]!.connects() }
}

/** Sends as a kernel does: read by read until the link pauses, at most `most` bytes. Returns their number. */
const pour = (from: HandLink, most: number): number => {
  let sent = 0
  for (; sent < most && !from.paused && !from.closed; sent += read) from.sends(Buffer.alloc(read, 'a'))
  return sent
}

for (const way of ['from the masking host', 'from the client'] as const) {
  const ends = () => {
    const proxy = fronted()
    const { client, host } = proxy
    return way === 'from the client'
      ? { ...proxy, from: client, to: host, before: garbage.length }
      : { ...proxy, from: host, to: client, before: 0 }
  }

  test(`${way}: a page comes at full speed, and later bytes at the limited rate`, () => {
    const { from, to, at, before } = ends()
    const first = before + pour(from, 1e8)
    assert.ok(first > FREE_BYTES && first <= FREE_BYTES + 2 * read, `${first}`)
    let sent = first
    for (let ms = 2_000; ms <= 30_000; ms += 1_001) {
      at(ms)
      sent += pour(from, 1e8)
      at(ms + 900)
      assert.ok(from.paused, 'until the next sweep')
      const earned = FREE_BYTES + (ms * BYTES_A_SECOND) / 1_000
      assert.ok(Math.abs(sent - earned) <= BYTES_A_SECOND + read, `${sent} in ${ms} ms`)
    }
    assert.is(to.text.length, sent)
  })

  test(`${way}: draining a slow end does not end the pause, and the sweep does not resume a full one`, () => {
    const { from, to, at } = ends()
    to.block()
    from.sends('a')
    assert.ok(from.paused, 'the other end is full')
    to.unblock()
    assert.not(from.paused, 'back-pressure alone')
    pour(from, 1e8)
    to.block()
    from.sends('a')
    to.unblock()
    assert.ok(from.paused, 'it has had its bytes')
    at(3_000)
    assert.not(from.paused, 'time has passed')
    to.block()
    from.sends('a')
    at(10_000)
    assert.ok(from.paused, 'it has time, but its bytes are not taken')
    to.unblock()
    assert.not(from.paused)
  })

  test(`${way}: the end comes after the last byte`, () => {
    const { from, to, at, before } = ends()
    let sent = before
    for (let second = 0; sent < FREE_BYTES + 5 * BYTES_A_SECOND; at(++second * 1_001)) {
      assert.not(to.finished)
      sent += pour(from, BYTES_A_SECOND)
    }
    from.finishes()
    assert.is(to.text.length, sent)
    assert.ok(to.finished)
  })
}

test('whatever an unauthenticated client does, its age bounds its bytes, and every byte that was read arrives', () => {
  const step = fc.oneof(
    fc.record({ way: fc.constantFrom('up' as const, 'down' as const), most: fc.nat(3 * FREE_BYTES) }),
    fc.record({ wait: fc.integer({ min: 1_000, max: 40_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { client, host, at } = fronted()
      const passed = { up: garbage.length, down: 0 }
      let ms = 0
      for (const one of steps) {
        if ('wait' in one) {
          ms += one.wait
          at(ms)
        } else passed[one.way] += pour(one.way === 'up' ? client : host, one.most)
        for (const bytes of [passed.up, passed.down])
          assert.ok(bytes <= FREE_BYTES + ((ms + 1_000) * BYTES_A_SECOND) / 1_000 + 2 * read, `${bytes}`)
      }
      assert.equal([host.text.length, client.text.length], [passed.up, passed.down])
    }),
    { numRuns: runs(20) },
  )
})

test('a client without bytes left in one direction still has the other, and its end closes both', () => {
  const { client, host, relay, left } = fronted()
  pour(host, 1e8)
  assert.ok(host.paused)
  client.sends('and?')
  assert.ok(host.text.endsWith('and?'))
  client.breaks('reset')
  assert.ok(host.wasReset)
  assert.equal(left(), nothing)
  relay.closeAll()
})

test('new connections get no more than one that stays, and other clients and users get their share', () => {
  const proxy = relaying({ maxConnections: 1_000 })
  const [one, other, user] = [1, 2, 3].map((network) => Buffer.from([198, 18, network, 7]))
  /** A new connection that takes everything that it gets from the host, and leaves. */
  const visits = (from: Buffer<ArrayBuffer>, most: number): number => {
    const client = proxy.arrives(from)
    client.sends(garbage)
    const host = proxy.engine.running[0]!.connects()
    let sent = 0
    for (; sent < most && !host.paused; sent += quantum) host.sends(Buffer.alloc(quantum, 'a'))
    client.breaks('reset')
    return sent + garbage.length
  }
  const quantum = 16_384
  let passed = 0
  for (let i = 0; i < 400; i++) passed += visits(one!, 262_144)
  assert.ok(passed > 0.9 * PREFIX_BURST && passed <= PREFIX_BURST + 400 * garbage.length, `${passed}`)
  const before = passed
  for (let second = 1; second <= 20; second++) {
    proxy.at(second * 1_000)
    for (let i = 0; i < 20; i++) passed += visits(one!, 262_144)
  }
  const rate = (passed - before - 400 * garbage.length) / 20
  assert.ok(rate <= PREFIX_BYTES_A_SECOND, `${rate} bytes a second`)
  assert.ok(visits(other!, 262_144) > 262_144)
  const client = proxy.arrives(user)
  client.sends(initiate('padded-intermediate', 2, secret).bytes)
  const datacenter = proxy.engine.running[0]!.connects()
  assert.ok(pour(datacenter, 4 * PREFIX_BURST) >= 4 * PREFIX_BURST)
  proxy.relay.closeAll()
  assert.equal(proxy.left(), nothing)
})

test('a connection without budget reads on when there is budget again', () => {
  const { arrives, at, engine, relay, client, host } = fronted()
  const prefix = [...relay.unauthenticated][0]!.prefix
  while (relay.budget.take(prefix, read)) {}
  host.sends(Buffer.alloc(read, 'a'))
  assert.equal([host.paused, client.paused], [true, true])
  const late = arrives()
  late.sends(garbage)
  const lateHost = engine.running[0]!.connects()
  assert.equal([lateHost.text, lateHost.paused, late.paused], [garbage, true, true])
  at(2_000)
  assert.equal([host.paused, client.paused, lateHost.paused, late.paused], [false, false, false, false])
})

test('users are not slowed down', () => {
  const { arrives, engine, at } = relaying()
  const client = arrives()
  client.sends(initiate('padded-intermediate', 2, secret).bytes)
  const datacenter = engine.dials[0]!.connects()
  for (const link of [datacenter, client]) assert.ok(pour(link, 4 * FREE_BYTES) >= 4 * FREE_BYTES)
  at(2_000)
  assert.equal([client.paused, datacenter.paused], [false, false])
})

test.run()
