import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { LocalLog } from './event-log.ts'

const mebibyte = 2 ** 20

/** Row numbers and events that the log still has. */
const left = async (log: LocalLog): Promise<{ rows: number[]; events: ProxyEvent[] }> => {
  const found = { rows: [] as number[], events: [] as ProxyEvent[] }
  const tail = log.tail(0, ({ events }, row) => {
    found.rows.push(row)
    found.events.push(...events)
  })
  await tail.caughtUp
  tail.stop()
  return found
}

test('the file stays below its bound at every moment, however much is appended', () => {
  using dir = folder()
  using log = open(dir.path, { maxBytes: 4 * mebibyte })
  let largest = 0
  for (let n = 0; n < 3000; n++) {
    append(log, Array<string>(1 + (n % 20)).fill('x'.repeat(400)))
    largest = Math.max(largest, log.stats.bytes)
  }
  assert.ok(largest <= 4 * mebibyte, `${largest} bytes`)
  assert.ok(largest > 3 * mebibyte, 'the log uses the space up to its bound')
  assert.is(log.stats.lost['log-bounds'], 0, 'no consumer needs the rows')
})

test('a batch that is larger than the bound is lost alone, and reported', async () => {
  using dir = folder()
  using log = open(dir.path, { maxBytes: mebibyte })
  append(log, ['before'])
  append(log, Array<string>(200).fill('x'.repeat(10_000)))
  assert.is(log.stats.lost['log-full'], 200)
  assert.not(log.saveSnapshot('collector', 1, 'x'.repeat(2 * mebibyte)))
  append(log, ['after'])
  assert.is(log.stats.failure, null)
  const { events } = await left(log)
  assert.equal(
    events.map((event) => (event.type === 'events.lost' ? event.count : event.type)),
    ['process.stopped', 200, 'process.stopped'],
  )
})

test('unreleased rows that the size bound deletes are counted and reported', async () => {
  using dir = folder()
  using log = open(dir.path, { maxBytes: mebibyte })
  log.release('collector', 0)
  const written = 3000
  let reported = 0
  let losses = 0
  const tail = log.tail(0, ({ events }) => {
    for (const event of events) {
      if (event.type !== 'events.lost') continue
      losses++
      reported += event.count
    }
  })
  await tail.caughtUp
  for (let n = 0; n < written / 2; n++) append(log, ['x'.repeat(400), 'y'])
  log.trim(1_000)
  tail.stop()
  const { events } = await left(log)
  const kept = events.filter(({ type }) => type !== 'events.lost').length
  const keptLosses = events.length - kept
  assert.ok(kept < written)
  assert.is(log.stats.lost['log-bounds'], reported)
  // Rows that reported losses were deleted, too, and are in the count.
  assert.is(reported, written - kept + (losses - keptLosses))
})

test('released rows that the size bound deletes are not a loss', async () => {
  using dir = folder()
  using log = open(dir.path, { maxBytes: mebibyte })
  await log.tail(0, (_, row) => log.release('collector', row)).caughtUp
  for (let n = 0; n < 3000; n++) append(log, ['x'.repeat(400)])
  assert.is(log.stats.lost['log-bounds'], 0)
  assert.ok(log.stats.rows < 3000)
})

test('age deletes what every consumer has released, and never the newest row', async () => {
  using dir = folder()
  let now = 1_000
  using log = open(dir.path, { maxAgeMs: 5_000, now: () => now })
  for (let n = 0; n < 10; n++) {
    append(log, [`${n}`])
    now += 1_000
  }
  log.release('collector', 8)
  log.release('shipper', 3)
  log.trim(now)
  assert.equal((await left(log)).rows, [4, 5, 6, 7, 8, 9, 10])
  log.release('shipper', 10)
  log.trim(now)
  assert.equal((await left(log)).rows, [6, 7, 8, 9, 10])
  log.release('collector', 10)
  log.trim(now + 1e9)
  assert.equal((await left(log)).rows, [10])
  assert.is(log.stats.oldestAt, 10_000)
  assert.is(log.stats.lost['log-bounds'], 0)
  append(log, ['next'])
  assert.equal((await left(log)).rows, [10, 11])
})

test('a clock that jumps ahead deletes nothing, and its rows keep no others', async () => {
  using dir = folder()
  const year = 365 * 86_400_000
  let [now, passed] = [Date.UTC(2026, 10, 23), 0]
  const pass = (ms: number): void => {
    now += ms
    passed += ms
    log.trim()
  }
  using log = open(dir.path, { maxAgeMs: 5_000, now: () => now, steady: () => passed })
  append(log, ['right'])
  log.release('collector', 1)
  now += year
  append(log, ['ahead'])
  pass(3_000)
  assert.equal((await left(log)).rows, [1, 2])
  now -= year
  append(log, ['right again'])
  log.release('collector', 4)
  pass(6_000)
  append(log, ['later'])
  pass(1_000)
  // It counts as old as the row after it.
  assert.equal((await left(log)).rows, [4])
})

test('trimming returns the space to the file system', () => {
  using dir = folder()
  let now = 0
  using log = open(dir.path, { maxBytes: 16 * mebibyte, maxAgeMs: 1_000, now: () => now })
  for (let n = 0; n < 1000; n++) append(log, ['x'.repeat(10_000)])
  assert.ok(log.stats.bytes > 8 * mebibyte)
  now = 10_000
  for (let n = 0; n < 10; n++) log.trim(now)
  assert.is(log.stats.rows, 1)
  assert.ok(log.stats.bytes < 2 * mebibyte, `${log.stats.bytes} bytes are left`)
})

test.run()
