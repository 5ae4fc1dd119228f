import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { replayCache, replayMemory } from './memory.ts'
import { refillReplays } from './refill.ts'

const now = 1_790_000_000_000
const hour = 3_600_000

const digestOf = (row: number): string => createHash('md5').update(String(row)).digest('hex')
const handshake = (row: number): string =>
  `[{"v":1,"type":"handshake.accepted","at":1,"digest":"${digestOf(row)}","client":"0"}]`
const other = '[{"v":1,"type":"connection.closed","at":1}]'

/** A log of `count` rows, one each `everyMs`, the newest at `now`. Counts the rows that are read. */
const logOf = (count: number, everyMs: number, textOf: (row: number) => string) => {
  const log = {
    read: 0,
    rowsBack: (before: number, bytes: number) => {
      const rows = []
      let size = 0
      for (let row = Math.min(before - 1, count); row > 0 && rows.length < 512 && size < bytes; row--) {
        const text = textOf(row)
        rows.push({ node: 'n', boot: 'b', seq: row, count: 1, row, at: now - (count - row) * everyMs, text })
        size += text.length
      }
      log.read += rows.length
      return rows
    },
  }
  return log
}

const isNew = (memory: SharedArrayBuffer, row: number): boolean =>
  replayCache(memory)(Buffer.from(digestOf(row), 'hex'), now / 1000)

test('at 160 rows a second the whole window is refilled, not its last 16 minutes', () => {
  const rows = 160 * 3_600
  const memory = replayMemory(1_024)
  // A handshake a minute: other events in the log must not displace it.
  const minute = 160 * 60
  const log = logOf(rows, 1_000 / 160, (row) => (row % minute === 0 ? handshake(row) : other))
  assert.is(refillReplays(log, memory, hour, now), 60)
  for (let row = minute; row <= rows; row += minute) assert.not(isNew(memory, row), `row ${row}`)
})

test('rows older than the window are neither refilled nor read', () => {
  const memory = replayMemory(65_536)
  const log = logOf(1_000_000, 1_000, handshake)
  assert.is(refillReplays(log, memory, hour, now), 3_601)
  assert.ok(isNew(memory, 1_000_000 - 3_601))
  assert.ok(log.read < 3_601 + 1_025, `${log.read} rows read`)
})

test('the refill stops after the newest handshakes that fill the cache', () => {
  const memory = replayMemory(256)
  const log = logOf(1_000_000, 1, handshake)
  assert.is(refillReplays(log, memory, hour, now), 256)
  assert.ok(log.read <= 512, `${log.read} rows read`)
  for (let row = 1_000_000 - 20; row <= 1_000_000; row++) assert.not(isNew(memory, row))
})

test('a cache without entries and an empty log refill nothing', () => {
  assert.is(refillReplays(logOf(10, 1_000, handshake), replayMemory(0), hour, now), 0)
  assert.is(refillReplays(logOf(0, 1_000, handshake), replayMemory(64), hour, now), 0)
})

test('a handshake from a clock that was ahead does not outlast newer ones', () => {
  const memory = replayMemory(8)
  const log = logOf(1, 0, handshake)
  refillReplays(
    { rowsBack: (...asked) => log.rowsBack(...asked).map((row) => ({ ...row, at: now + 400 * 24 * hour })) },
    memory,
    hour,
    now,
  )
  for (let row = 2; row < 18; row++) isNew(memory, row)
  assert.ok(isNew(memory, 1))
})

test('rows from before the clock was set do not hide older rows of the window', () => {
  const memory = replayMemory(1_024)
  const log = logOf(1_200, 1_000, (row) => (row % 100 === 0 ? handshake(row) : other))
  const rowsBack: typeof log.rowsBack = (...asked) =>
    log.rowsBack(...asked).map((row) => (row.row > 600 ? { ...row, at: row.row * 1_000 } : row))
  assert.is(refillReplays({ rowsBack }, memory, hour, now), 12)
  for (let row = 100; row <= 1_200; row += 100) assert.not(isNew(memory, row), `row ${row}`)
})

test.run()
