import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { zstdDecompressSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon, session } from '../../compose/test/kit/examples/example-events.ts'
import { type LocalLog, openLog } from '../../proxy/event-log/event-log.ts'
import { encodeEvents } from '../../proxy/events/codec.ts'
import { type Collector, startCollector } from '../app/collector.ts'
import { verify } from '../commands/rebuild-log.ts'
import { consumer } from './local.ts'

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-collector-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
const open = (dataDir: string, now = () => noon): LocalLog =>
  openLog({ dataDir, node: 'n1', maxBytes: 64e6, maxAgeMs: 86_400_000, now })

const printed: string[] = []
const collect = async (log: LocalLog, now = () => noon): Promise<Collector> => {
  printed.length = 0
  const collector = startCollector({
    fleet: 'here',
    log,
    version: '1',
    now,
    logger: (level, message, fields) => printed.push(`${level} ${message} ${fields?.reason ?? ''}`),
  })
  await collector.caughtUp
  return collector
}
const append = (log: LocalLog, toClient: number): void => {
  const events = session({ toClient })
  log.append(encodeEvents(events), events)
}
const total = (collector: Collector) => collector.status().totals.bytesToClient

test('events appended before and after the start are in the totals immediately', async () => {
  using dir = folder()
  using log = open(dir.path)
  append(log, 10)
  const collector = await collect(log)
  assert.is(total(collector), 10)
  append(log, 5)
  assert.is(total(collector), 15)
  collector.stop()
})

test('totals continue after a stop and after a kill', async () => {
  using dir = folder()
  for (const [round, stops] of [true, false, true, false].entries()) {
    using log = open(dir.path)
    const collector = await collect(log)
    assert.is(total(collector), round * 10)
    append(log, 10)
    if (stops) collector.stop()
    assert.equal(printed, [])
  }
})

test('without a usable snapshot the collector logs that and folds the whole event log', async () => {
  using dir = folder()
  {
    using log = open(dir.path)
    append(log, 10)
    const collector = await collect(log)
    collector.stop()
    append(log, 7)
    assert.ok(log.saveSnapshot(consumer, 1, '{"version":99}'))
  }
  using log = open(dir.path)
  const collector = await collect(log)
  assert.is(total(collector), 17)
  assert.match(printed[0] ?? '', /^warn snapshot-unusable it has version 99/)
  collector.stop()
})

test('after kills at any moment nothing is missing or counted twice', async () => {
  using dir = folder()
  let before = 0
  for (const lines of [1, 3, 20, 47, 5]) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../compose/test/kit/processes/endless-collector.ts'), dir.path],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const closed = once(child, 'close')
    const counts: number[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      counts.push(Number(line))
      if (counts.length > lines) child.kill('SIGKILL')
    }
    await closed
    // Every append that was printed before the kill is committed.
    assert.ok(counts[0]! >= before, `${counts[0]} after ${before}`)
    before = counts.at(-1)!
  }
  // The killed process used the present time, not noon.
  using log = open(dir.path, Date.now)
  const collector = await collect(log, Date.now)
  const { totals, users, events } = collector.status()
  assert.ok(totals.connections >= before)
  assert.is(totals.bytesToClient, totals.connections * 1000)
  assert.is(users[0]?.total.connections, totals.connections)
  assert.is(events.folded, totals.connections * 4)
  assert.equal(events.lost, {})
  collector.stop()
  const verified = verify(dir.path, Date.now())
  assert.is(verified.difference, null)
  assert.is(verified.events, events.folded)
})

test('verify finds a snapshot that counts more than the event log', async () => {
  using dir = folder()
  {
    using log = open(dir.path)
    append(log, 10)
    const collector = await collect(log)
    collector.stop()
  }
  assert.is(verify(dir.path, noon).difference, null)
  {
    using log = open(dir.path)
    const packed = log.loadSnapshot(consumer)!.value
    assert.instance(packed, Uint8Array)
    const text = zstdDecompressSync(packed as Uint8Array).toString()
    log.saveSnapshot(consumer, 1, text.replace('"to-client":10', '"to-client":11'))
  }
  const { difference, whole } = verify(dir.path, noon)
  assert.ok(whole)
  assert.match(difference ?? '', /to-client/)
})

test.run()
