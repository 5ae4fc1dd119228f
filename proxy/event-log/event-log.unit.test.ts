import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, asUser, folder, open, stopped } from '../../compose/test/kit/examples/scratch-log.ts'
import { encodeEvents, placed } from '../events/codec.ts'
import type { Batch } from '../events/contract.ts'
import { LogError } from './errors.ts'
import type { LocalLog } from './event-log.ts'
import { readLog } from './read.ts'
import { logFile } from './store.ts'

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.instance(error, LogError)
    assert.not((error as Error).message.includes('\n'))
    return (error as LogError).code
  }
  return 'no error'
}
/** All events after row `after`, as `row seq type`. */
const stored = async (log: LocalLog, after = 0): Promise<string[]> => {
  const seen: string[] = []
  const tail = log.tail(after, (batch, row) => {
    for (const event of placed(batch)) {
      seen.push(`${row} ${event.seq} ${event.type === 'process.stopped' ? event.reason : event.type}`)
    }
  })
  await tail.caughtUp
  tail.stop()
  return seen
}

test('appended events are read back with their positions, after a restart too', async () => {
  using dir = folder()
  using first = open(dir.path)
  assert.equal(append(first, ['a', 'b']).seq, 1)
  assert.equal(append(first, ['c']).seq, 3)
  first.close()
  using second = open(dir.path, { now: () => 2_000 })
  assert.equal(append(second, ['d']).seq, 1)
  assert.ok(second.boot > first.boot, 'boots sort by time')
  assert.equal(await stored(second), ['1 1 a', '1 2 b', '2 3 c', '3 1 d'])
  assert.equal(await stored(second, 2), ['3 1 d'])
})

test('seq skips events that never arrived', async () => {
  using dir = folder()
  using log = open(dir.path)
  append(log, ['a'])
  assert.equal(append(log, ['b'], 7).seq, 9)
  assert.equal(append(log, [], 1).seq, 11)
  assert.equal(append(log, ['c']).seq, 11)
  assert.is(log.stats.lost['worker-queue'], 8)
  assert.is(log.stats.appended, 3)
  assert.is(log.stats.rows, 3)
})

test('a tail gets each batch once and in order, from the file and then live', async () => {
  using dir = folder()
  using log = open(dir.path)
  for (let n = 0; n < 3000; n++) append(log, [`past ${n}`])
  const rows: number[] = []
  let sawTheLoop = 0
  const counter = setInterval(() => sawTheLoop++, 0)
  const tail = log.tail(0, (_, row) => {
    rows.push(row)
    if (row === 10) append(log, ['appended while catching up'])
  })
  await tail.caughtUp
  clearInterval(counter)
  append(log, ['live'])
  tail.stop()
  append(log, ['after stop'])
  assert.equal(
    rows,
    Array.from({ length: 3002 }, (_, n) => n + 1),
  )
  assert.ok(sawTheLoop > 0, 'the event loop turned between the pages')
})

test('a live batch is the appended object, not a second parse of it', async () => {
  using dir = folder()
  using log = open(dir.path)
  const received: Batch[] = []
  await log.tail(0, (batch) => received.push(batch)).caughtUp
  const events = [stopped('a')]
  const batch = log.append(encodeEvents(events), events)
  assert.is(received[0], batch)
  assert.is(received[0]?.events, events)
})

test('a tail that appends does not change the order for another tail', async () => {
  using dir = folder()
  using log = open(dir.path)
  const first: number[] = []
  const second: number[] = []
  const a = log.tail(0, (_, row) => {
    first.push(row)
    if (row === 1) append(log, ['answer'])
  })
  const b = log.tail(0, (_, row) => second.push(row))
  await Promise.all([a.caughtUp, b.caughtUp])
  append(log, ['question'])
  assert.equal(first, [1, 2])
  assert.equal(second, [1, 2])
})

test('a fold that fails ends only its own tail, which rejects', async () => {
  using dir = folder()
  using log = open(dir.path)
  append(log, ['a'])
  const failing = log.tail(0, () => {
    throw new Error('fold')
  })
  const received: number[] = []
  const other = log.tail(0, (_, row) => received.push(row))
  const why = await failing.caughtUp.then(
    () => 'nothing',
    (error: Error) => error.message,
  )
  await other.caughtUp
  append(log, ['b'])
  assert.is(why, 'fold')
  assert.equal(received, [1, 2])
})

test('a state and its position are stored together, text and bytes alike', () => {
  using dir = folder()
  using log = open(dir.path)
  assert.is(log.loadSnapshot('collector'), null)
  assert.ok(log.saveSnapshot('collector', 7, 'état'))
  assert.ok(log.saveSnapshot('other', 1, new Uint8Array([1, 2])))
  assert.ok(log.saveSnapshot('collector', 8, 'newer'))
  log.close()
  using again = open(dir.path)
  assert.equal({ ...again.loadSnapshot('collector') }, { row: 8, value: 'newer' })
  assert.equal({ ...again.loadSnapshot('other') }, { row: 1, value: new Uint8Array([1, 2]) })
  append(again, ['a'])
  assert.is(again.stats.rows, 1)
})

test('only their owner can read the files, whatever the umask', () => {
  using dir = folder()
  const umask = process.umask(0)
  try {
    using log = open(dir.path)
    append(log, ['a'])
    const modes = () =>
      readdirSync(dir.path)
        .sort()
        .map((name) => `${name} ${(statSync(join(dir.path, name)).mode & 0o777).toString(8)}`)
    const whileOpen = ['log.lock', 'log.lock-journal', 'log.sqlite', 'log.sqlite-shm', 'log.sqlite-wal']
    assert.equal(
      modes(),
      whileOpen.map((name) => `${name} 600`),
    )
    log.close()
    for (const name of readdirSync(dir.path)) chmodSync(join(dir.path, name), 0o644)
    open(dir.path).close()
    assert.equal(modes(), ['log.lock 600', 'log.sqlite 600'])
  } finally {
    process.umask(umask)
  }
})

test('a second process on the same DATA_DIR is refused until the first has ended', () => {
  using dir = folder()
  using first = open(dir.path)
  assert.is(
    codeOf(() => open(dir.path)),
    'ERR_LOG_LOCKED',
  )
  first.close()
  first.close()
  assert.is(
    codeOf(() => open(dir.path).close()),
    'no error',
  )
})

test('a DATA_DIR that cannot be written is one clear error', () => {
  using dir = folder()
  const file = join(dir.path, 'file')
  writeFileSync(file, '')
  assert.is(
    codeOf(() => open(file)),
    'ERR_LOG_UNWRITABLE',
  )
  assert.is(
    codeOf(() => open(join(file, 'below'))),
    'ERR_LOG_UNWRITABLE',
  )
})

test('after close nothing throws and nothing is written', async () => {
  using dir = folder()
  using log = open(dir.path)
  append(log, ['a'])
  log.close()
  append(log, ['late'])
  log.trim(5_000)
  assert.not(log.saveSnapshot('collector', 1, 'x'))
  assert.is(log.stats.lost['log-full'], 1)
  using again = open(dir.path)
  assert.equal(await stored(again), ['1 1 a'])
})

test('another process reads while the log is written, and without a writer', () => {
  using dir = folder()
  assert.is(
    codeOf(() => readLog(dir.path)),
    'ERR_LOG_MISSING',
  )
  assert.throws(() => readLog(dir.path), `DATA_DIR=${dir.path} (ENOENT)`)
  using log = open(dir.path)
  append(log, ['a'])
  {
    using reader = readLog(dir.path)
    assert.equal(
      reader.page(0).map(({ row, batch }) => [row, batch.node, batch.seq]),
      [[1, 'n1', 1]],
    )
    append(log, ['b'])
    assert.is(reader.page(1).length, 1)
    assert.is(reader.page(2).length, 0)
  }
  assert.ok(log.saveSnapshot('collector', 2, 'state'))
  log.close()
  using reader = readLog(dir.path)
  assert.is(reader.page(0).length, 2)
  assert.is(reader.loadSnapshot('collector')?.row, 2)
})

test('a file that SQLite cannot read is reported as unreadable', () => {
  using dir = folder()
  writeFileSync(logFile(dir.path), 'no database, whatever it is called')
  assert.is(
    codeOf(() => readLog(dir.path)),
    'ERR_LOG_UNREADABLE',
  )
})

test('a log of another user is unreadable, not missing', () => {
  using dir = folder()
  open(dir.path).close()
  chmodSync(dir.path, 0)
  asUser(() => {
    assert.is(
      codeOf(() => readLog(dir.path)),
      'ERR_LOG_UNREADABLE',
    )
    assert.throws(() => readLog(dir.path), /DATA_DIR=.* \(EACCES\): .*ch(?:own|mod) /)
  })
})

test.run()
