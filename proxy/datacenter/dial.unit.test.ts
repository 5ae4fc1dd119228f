import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type HandLink, handEngine } from '../../compose/test/kit/relay/hand-driven.ts'
import { dialer } from './dial.ts'
import type { Address } from './directory.ts'

const addresses: readonly Address[] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((host) => ({
  host,
  port: 443,
  family: 'ipv4',
}))

const race = (to: readonly Address[] = addresses, timeoutMs = 5_000, reserve: readonly Address[] = []) => {
  const engine = handEngine()
  const dialing = dialer(engine, timeoutMs, (error) => faults.push(error))
  const reported: string[] = []
  const faults: unknown[] = []
  const links: unknown[] = []
  const dial = dialing.dial(
    to,
    {
      connected: (link, { host }) => {
        links.push(link)
        reported.push(`connected ${host}`)
      },
      missed: ({ host }, error) => reported.push(`missed ${host} ${error}`),
      failed: (error) => reported.push(`failed ${error}`),
      faulted: () => reported.push('faulted'),
    },
    reserve,
  )
  // Measured after the call: a process that waits for a core in between would make `at` too early.
  const startedAt = performance.now()
  return {
    engine,
    reported,
    faults,
    links,
    dial,
    /** Ms after the start. */
    at: (ms: number) => dialing.pulse(startedAt + ms),
    hosts: () => engine.running.map(({ host }) => host),
    inFlight: () => dialing.inFlight,
  }
}

test('the best address is dialed alone, and the next ones in parallel when it is slow', () => {
  const { at, hosts } = race()
  assert.equal(hosts(), ['192.0.2.1'])
  at(100)
  assert.equal(hosts(), ['192.0.2.1'])
  at(260)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2'])
  at(300)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2'])
  at(520)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
})

test('the first that connects wins and the others are cancelled', () => {
  const { at, engine, reported, links, hosts, inFlight } = race()
  at(300)
  const link: HandLink = engine.dials[1]!.connects()
  assert.equal(reported, ['connected 192.0.2.2'])
  assert.equal(links, [link])
  assert.ok(engine.dials[0]!.cancelled)
  assert.not(link.closed)
  at(10_000)
  assert.equal([hosts(), inFlight(), reported.length], [[], 0, 1])
})

test('a failed address is followed by the next one immediately', () => {
  const { engine, reported, hosts } = race()
  engine.dials[0]!.fails('refused')
  assert.equal(reported, ['missed 192.0.2.1 refused'])
  assert.equal(hosts(), ['192.0.2.2'])
})

test('when all fail, the last reason is reported once', () => {
  const { engine, reported, inFlight } = race()
  engine.dials[0]!.fails('refused')
  engine.dials[1]!.fails('unreachable')
  assert.is(inFlight(), 1)
  engine.dials[2]!.fails('reset')
  assert.equal(reported.at(-1), 'failed reset')
  assert.is(reported.filter((line) => line.startsWith('failed')).length, 1)
  assert.is(inFlight(), 0)
})

test('each address has its own time-out and is cancelled after it', () => {
  const { at, engine, reported, inFlight } = race(addresses.slice(0, 2), 1_000)
  at(300)
  at(1_100)
  assert.equal(reported, ['missed 192.0.2.1 timeout'])
  assert.ok(engine.dials[0]!.cancelled)
  assert.ok(engine.dials[1]!.open)
  at(1_400)
  assert.equal(reported.slice(1), ['missed 192.0.2.2 timeout', 'failed timeout'])
  assert.is(inFlight(), 0)
})

test('addresses that fail together are each reported, and the race ends once', () => {
  const { at, reported } = race(addresses, 100)
  at(110)
  at(220)
  at(330)
  at(440)
  assert.equal(reported, [
    'missed 192.0.2.1 timeout',
    'missed 192.0.2.2 timeout',
    'missed 192.0.2.3 timeout',
    'failed timeout',
  ])
})

test('no address is a failure, reported after the call has returned', () => {
  const { at, reported, inFlight } = race([])
  assert.equal(reported, [])
  at(50)
  assert.equal(reported, ['failed unreachable'])
  assert.is(inFlight(), 0)
})

test('cancelling leaves nothing running and reports nothing', () => {
  const { at, dial, reported, hosts, inFlight } = race()
  at(300)
  dial.cancel()
  at(10_000)
  assert.equal([hosts(), reported, inFlight()], [[], [], 0])
})

/** When the second address is dialed, after `times` dials of the first one, ms. */
const secondDialedAfter = (times: readonly number[]): number => {
  const engine = handEngine()
  let now = 0
  const dialing = dialer(
    engine,
    5_000,
    (error) => assert.unreachable(String(error)),
    () => now,
  )
  const never = (): void => assert.unreachable()
  const events = { connected: () => {}, missed: never, failed: never, faulted: never }
  for (const ms of times) {
    dialing.dial(addresses.slice(0, 1), events)
    now += ms
    engine.dials.at(-1)!.connects()
  }
  const before = engine.dials.length
  dialing.dial(addresses, events)
  const startedAt = now
  while (engine.dials.length === before + 1) dialing.pulse(++now)
  return now - startedAt
}

test('the next address is dialed when 19 of 20 recent dials had connected', () => {
  const usual = Array.from({ length: 31 }, (_, n) => 120 + n)
  assert.is(secondDialedAfter([...usual, 4_000]), 150)
  assert.is(secondDialedAfter([...Array<number>(40).fill(4_000), ...usual, 300]), 150)
})

test('the delay is 100 to 500 ms, and 250 ms after a few dials', () => {
  assert.is(secondDialedAfter([]), 250)
  assert.is(secondDialedAfter(Array<number>(7).fill(130)), 250)
  assert.is(secondDialedAfter(Array<number>(20).fill(20)), 100)
  assert.is(secondDialedAfter(Array<number>(20).fill(800)), 500)
})

const [first, second, plain] = addresses as [Address, Address, Address]

test('the reserve is dialed as soon as every address has failed', () => {
  const { at, engine, reported, hosts, inFlight } = race([first, second], 5_000, [plain])
  at(300)
  at(1_000)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2'])
  engine.dials[0]!.fails('unreachable')
  assert.equal(hosts(), ['192.0.2.2'])
  engine.dials[1]!.fails('refused')
  assert.equal(hosts(), ['192.0.2.3'])
  engine.dials[2]!.connects()
  assert.equal(reported, ['missed 192.0.2.1 unreachable', 'missed 192.0.2.2 refused', 'connected 192.0.2.3'])
  assert.is(inFlight(), 0)
})

test('addresses that swallow packets delay the reserve by 1.1 s, not by their time-out', () => {
  const { at, engine, reported, hosts, inFlight } = race([first, second], 5_000, [plain])
  at(300)
  at(1_350)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2'])
  at(1_450)
  assert.equal(hosts(), ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
  engine.dials[2]!.connects()
  assert.equal(reported, ['connected 192.0.2.3'])
  assert.ok(engine.dials[0]!.cancelled && engine.dials[1]!.cancelled)
  assert.is(inFlight(), 0)
})

test('an address that answers late wins against the reserve', () => {
  const { at, engine, reported, inFlight } = race([first], 5_000, [plain])
  at(1_200)
  engine.dials[0]!.connects()
  assert.equal(reported, ['connected 192.0.2.1'])
  assert.ok(engine.dials[1]!.cancelled)
  assert.is(inFlight(), 0)
})

test('a dial fails once, after the reserve has failed, too', () => {
  const { at, engine, reported, inFlight } = race([first], 5_000, [second, plain])
  engine.dials[0]!.fails('unreachable')
  at(300)
  for (const one of engine.running) one.fails('refused')
  assert.equal(reported.at(-1), 'failed refused')
  assert.is(reported.filter((line) => line.startsWith('failed')).length, 1)
  assert.is(inFlight(), 0)
})

test('an owner that throws ends its own dial: the error is reported, and the link closed', () => {
  const engine = handEngine()
  const faults: unknown[] = []
  const dialing = dialer(engine, 5_000, (error) => faults.push(error))
  let faulted = 0
  const never = (): void => {}
  dialing.dial([first], {
    connected: () => {
      throw new Error('injected')
    },
    missed: never,
    failed: never,
    faulted: () => faulted++,
  })
  const other = dialing.dial([second], { connected: never, missed: never, failed: never, faulted: never })
  const link = engine.dials[0]!.connects()
  assert.ok(link.closed)
  assert.equal([faults.length, faulted, dialing.inFlight], [1, 1, 1])
  other.cancel()
})

test.run()
