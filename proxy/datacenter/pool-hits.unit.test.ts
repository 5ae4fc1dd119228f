import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { handEngine } from '../../compose/test/kit/relay/hand-driven.ts'
import { dialer } from './dial.ts'
import { pool } from './pool.ts'

const DIAL_MS = 150
const PULSE_MS = 50

/** Numbers from 0 to 1, the same in every run. */
const draws = (seed: string): (() => number) => {
  let state = createHash('sha256').update(seed).digest()
  return () => {
    state = createHash('sha256').update(state).digest()
    return state.readUInt32LE(0) / 2 ** 32
  }
}

/** Clients that arrive independently of each other: `perSecond` on average, `together` at a time. */
const arrivals = (perSecond: number, together: number, seconds: number): number[] => {
  const draw = draws(`${perSecond} ${together}`)
  const at: number[] = []
  let now = 0
  while (now < seconds * 1_000) {
    for (let n = 0; n < together; n++) at.push(now)
    now += (-Math.log(1 - draw()) * 1_000 * together) / perSecond
  }
  return at
}

/** Runs a pool in simulated time, where each dial takes 150 ms. Counts from `warmUpSeconds` on. */
const simulate = (clients: readonly number[], warmUpSeconds: number) => {
  let now = 0
  const engine = handEngine()
  const dial = dialer(
    engine,
    5_000,
    (error) => assert.unreachable(String(error)),
    () => now,
  )
  const store = pool({
    dialer: dial,
    limit: 64,
    addresses: () => [{ host: '192.0.2.1', port: 443, family: 'ipv4' }],
    reserve: () => [],
    missed: () => assert.unreachable('no dial fails'),
    clock: () => now,
  })
  const dialedAt: number[] = []
  let connected = 0
  let pulseAt = 0
  const runUntil = (end: number): void => {
    for (;;) {
      const connectsAt = (dialedAt[connected] ?? Number.POSITIVE_INFINITY) + DIAL_MS
      const next = Math.min(connectsAt, pulseAt)
      if (next > end) break
      now = next
      if (next === connectsAt) engine.dials[connected++]!.connects()
      else {
        dial.pulse(now)
        store.pulse(now)
        pulseAt += PULSE_MS
        while (dialedAt.length < engine.dials.length) dialedAt.push(now)
      }
    }
    now = end
  }
  const counted = clients.filter((at) => at >= warmUpSeconds * 1_000)
  let hits = 0
  for (const at of clients) {
    runUntil(at)
    const hit = store.take(2) !== null
    if (hit && at >= counted[0]!) hits++
  }
  return { hits: hits / counted.length, dials: engine.dials.length / clients.length }
}

for (const perSecond of [10, 100]) {
  test(`at ${perSecond} connections a second, 99 % get a pooled connection, and few dials are not used`, () => {
    const { hits, dials } = simulate(arrivals(perSecond, 1, 120), 10)
    assert.ok(hits >= 0.99, `hits: ${hits}`)
    assert.ok(dials <= 1.05, `dials per client: ${dials}`)
  })
}

test('apps that open four connections together find them pooled', () => {
  const { hits } = simulate(arrivals(10, 4, 240), 30)
  assert.ok(hits >= 0.98, `hits: ${hits}`)
})

test.run()
