import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { Damage } from './keep.ts'
import { readLog } from './read.ts'
import { logFile } from './store.ts'

test('a file that is not a database is moved aside and reported', () => {
  using dir = folder()
  const path = logFile(dir.path)
  writeFileSync(path, 'not a database, '.repeat(1000))
  const damages: Damage[] = []
  using log = open(dir.path, { report: (damage) => damages.push(damage) })
  append(log, ['a'])
  assert.is(log.stats.rows, 1)
  assert.equal(
    damages.map(({ movedTo }) => movedTo),
    [`${path}.damaged`],
  )
  assert.match(damages[0]?.reason ?? '', /not a database/)
  assert.match(readFileSync(`${path}.damaged`, 'utf8'), /^not a database/)
})

test('a file that a crash cut short, at any length, is opened or moved aside', () => {
  using dir = folder()
  const path = logFile(dir.path)
  {
    using log = open(dir.path)
    append(log, ['a'])
  }
  const whole = readFileSync(path)
  for (const length of [0, 1, 15, 16, 50, 99, 100, 101, 4_095, 4_096, 4_097, whole.length - 1]) {
    for (const name of readdirSync(dir.path)) rmSync(join(dir.path, name))
    writeFileSync(path, whole.subarray(0, length))
    using log = open(dir.path, { report: () => {} })
    append(log, ['b'])
    assert.ok(log.stats.rows >= 1, String(length))
  }
})

test('damage that a later read meets costs the past, not the process', async () => {
  using dir = folder()
  const path = logFile(dir.path)
  {
    using log = open(dir.path)
    for (let n = 0; n < 500; n++) append(log, ['x'.repeat(1000)])
  }
  const file = openSync(path, 'r+')
  const third = Math.floor(statSync(path).size / 3)
  writeSync(file, Buffer.alloc(third, 0xaa), 0, third, third) // neither the schema nor the newest rows
  closeSync(file)

  const damages: Damage[] = []
  using log = open(dir.path, { report: (damage) => damages.push(damage) })
  const received: string[] = []
  const tail = log.tail(0, (batch, row) => received.push(`${row} ${batch.boot === log.boot}`))
  await tail.caughtUp
  append(log, ['new'])
  assert.is(damages.length, 1)
  assert.ok(existsSync(`${path}.damaged`))
  assert.ok(received.length > 1, 'rows before the damage were read')
  assert.is(received.at(-1), '501 true')
  assert.is(log.stats.rows, 1)
  assert.is(log.stats.failure, null)
})

test('an unreadable row becomes a counted loss, and later rows are read', async () => {
  using dir = folder()
  {
    using log = open(dir.path)
    append(log, ['a', 'b', 'c'])
    append(log, ['d', 'e'])
    append(log, ['f'])
  }
  const db = new DatabaseSync(logFile(dir.path))
  db.exec(`UPDATE batch SET text = '[{"v":1,"type"' WHERE row = 1`)
  db.exec(
    `UPDATE batch SET text = '[{"v":9,"type":"process.stopped","at":5,"reason":"d"},{"v":1,"type":"new.thing","at":6}]' WHERE row = 2`,
  )
  db.close()

  using log = open(dir.path)
  const received: [number, ProxyEvent][] = []
  const take = (batch: { seq: number; events: readonly ProxyEvent[] }): void => {
    for (const [index, event] of batch.events.entries()) received.push([batch.seq + index, event])
  }
  await log.tail(0, take).caughtUp
  await log.tail(0, () => {}).caughtUp
  const lost = { v: 1, type: 'events.lost', reason: 'unreadable' }
  assert.equal(received, [
    [1, { ...lost, at: 1_000, count: 3 }],
    [4, { ...lost, at: 5, count: 1 }],
    [5, { ...lost, at: 6, count: 1 }],
    [6, { v: 1, type: 'process.stopped', at: 1_000, reason: 'f' }],
  ])
  assert.is(log.stats.lost.unreadable, 5)
})

test('the log of a newer program stays untouched', () => {
  using dir = folder()
  open(dir.path).close()
  const db = new DatabaseSync(logFile(dir.path))
  db.exec('PRAGMA user_version = 99')
  db.close()
  const newer = (error: Error & { code?: string }): boolean => error.code === 'ERR_LOG_NEWER'
  assert.throws(() => open(dir.path), newer)
  assert.throws(() => readLog(dir.path), newer)
  assert.throws(() => open(dir.path), newer) // and not ERR_LOG_LOCKED: it released the folder
})

test.run()
