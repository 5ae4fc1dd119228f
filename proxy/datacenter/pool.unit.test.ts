import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type HandLink, handEngine } from '../../compose/test/kit/relay/hand-driven.ts'
import { dialer } from './dial.ts'
import { pool } from './pool.ts'
import { upstreamsOf } from './upstreams.ts'

const stocked = (limit: number) => {
  const engine = handEngine()
  const dial = dialer(engine, 5_000, (error) => assert.unreachable(String(error)))
  const missed: string[] = []
  const store = pool({
    dialer: dial,
    limit,
    addresses: () => [{ host: '192.0.2.1', port: 443, family: 'ipv4' }],
    reserve: () => [],
    missed: (id, { host }, error) => missed.push(`${id} ${host} ${error}`),
  })
  const startedAt = performance.now()
  const at = (ms: number): void => {
    dial.pulse(startedAt + ms)
    store.pulse(startedAt + ms)
  }
  const connectAll = (): HandLink[] => engine.running.map((one) => one.connects())
  const ask = (times: number): void => {
    for (let i = 0; i < times; i++) store.take(2)
  }
  return { engine, store, missed, at, connectAll, ask }
}

test('the pool keeps no connection without demand', () => {
  const { engine, at } = stocked(64)
  at(0)
  at(1_000)
  assert.is(engine.dials.length, 0)
})

test('the first client waits for a dial; the next one finds two pooled connections', () => {
  const { store, at, connectAll } = stocked(64)
  assert.is(store.take(2), null)
  at(50)
  const links = connectAll()
  assert.is(links.length, 2)
  assert.is(store.size, 2)
  assert.is(store.take(2)?.link, links[1])
  assert.is(store.take(3), null)
  assert.is(store.size, 1)
})

test('the pool grows with demand, not with dials under way, and never beyond its limit', () => {
  const { engine, store, at, connectAll, ask } = stocked(10)
  ask(4)
  at(50)
  assert.is(engine.running.length, 6)
  at(100)
  assert.is(engine.running.length, 6)
  ask(5_000)
  at(150)
  assert.is(engine.running.length, 10)
  connectAll()
  at(200)
  assert.is(store.size, 10)
  assert.is(engine.running.length, 0)
})

test('a limit of 0 keeps nothing, and one of 1 keeps one', () => {
  for (const limit of [0, 1]) {
    const { engine, at, ask } = stocked(limit)
    ask(100)
    at(50)
    assert.is(engine.dials.length, limit)
  }
})

test('old connections are closed, and replaced while there is demand', () => {
  const { engine, at, connectAll, ask } = stocked(64)
  ask(3)
  at(50)
  const links = connectAll()
  at(29_000)
  assert.not(links.slice(-2).some(({ closed }) => closed))
  at(31_000)
  assert.ok(links.every(({ closed }) => closed))
  assert.is(engine.running.length, 3)
})

test('when the demand has decayed, the pool closes its connections and dials no more', () => {
  const { engine, store, at, connectAll, ask } = stocked(64)
  ask(1)
  at(50)
  const links = connectAll()
  at(29_000)
  for (let ms = 60_000; ms < 400_000; ms += 30_000) {
    at(ms)
    links.push(...connectAll())
  }
  assert.ok(links.every(({ closed }) => closed))
  assert.is(store.size, 0)
  assert.is(engine.running.length, 0)
})

for (const [what, die] of [
  ['a connection that the datacenter closed', (link: HandLink) => link.finishes()],
  ['a connection that was reset', (link: HandLink) => link.breaks('reset')],
  ['a connection with bytes before a request', (link: HandLink) => link.sends('?')],
] as const) {
  test(`${what} is thrown away and replaced`, () => {
    const { engine, store, at, connectAll, ask } = stocked(64)
    ask(1)
    at(50)
    const [first, second] = connectAll() as [HandLink, HandLink]
    die(first)
    assert.ok(first.closed)
    assert.is(store.size, 1)
    at(100)
    assert.is(engine.running.length, 1)
    assert.is(store.take(2)?.link, second)
  })
}

test('a failed dial is reported, and repeated only after a delay', () => {
  const { engine, missed, at, ask } = stocked(64)
  ask(1)
  at(50)
  for (const one of engine.running) one.fails('refused')
  assert.equal(missed, ['2 192.0.2.1 refused', '2 192.0.2.1 refused'])
  at(100)
  at(1_500)
  assert.is(engine.running.length, 0)
  at(2_500)
  assert.is(engine.running.length, 2)
})

test('connections through an upstream that was left are closed, and others stay', () => {
  const engine = handEngine()
  const upstreams = upstreamsOf(
    ['one', 'two'].map((name) => ({
      upstream: { kind: 'direct', name, weight: 1 },
      down: false,
      places: new Map(),
    })),
    (name) => store.drop(name),
    () => shares.shift() ?? 0,
  )
  // Two draws for each of two dials.
  const shares = [0, 0, 0.9, 0]
  const dial = dialer(engine, 5_000, (error) => assert.unreachable(String(error)), undefined, upstreams)
  const address = { host: '192.0.2.1', port: 443, family: 'ipv4' } as const
  const store = pool({
    dialer: dial,
    limit: 2,
    addresses: () => [address],
    reserve: () => [],
    missed: () => {},
  })
  store.take(2)
  store.pulse(performance.now() + 50)
  const [first, second] = engine.running.map((one) => one.connects())
  assert.is(store.size, 2)
  upstreams.failed('one', 'no-source', 0)
  assert.equal([first!.closed, second!.closed, store.size], [true, false, 1])
  assert.is(store.take(2)?.upstream, 'two')
})

test('a closed pool has closed its connections and never dials again', () => {
  const { engine, store, at, ask } = stocked(64)
  ask(1)
  at(50)
  const link = engine.running[0]!.connects()
  store.close()
  assert.ok(link.closed)
  assert.is(engine.running.length, 0)
  ask(100)
  at(150)
  at(5_000)
  assert.is(engine.running.length, 0)
  assert.is(store.size, 0)
})

test.run()
