import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import type { LocalLog } from './event-log.ts'

const diskBytes = 8 * 2 ** 20

/** A file system of its own. `fill` leaves `bytes` of it until the returned function is called. */
const smallDisk = () => {
  const dir = folder()
  const path = join(dir.path, 'disk')
  mkdirSync(path)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', path]).status === 0
  return {
    mounted,
    path,
    fill: (bytes: number): (() => void) => {
      const ballast = join(path, 'ballast')
      const { bavail, bsize } = statfsSync(path)
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - bytes))
      return () => rmSync(ballast)
    },
    [Symbol.dispose]: () => {
      if (mounted) spawnSync('umount', [path])
      dir[Symbol.dispose]()
    },
  }
}

/** The sequence numbers in the log, and how many events it reports as `log-full`. */
const written = async (log: LocalLog): Promise<{ seqs: number[]; reported: number }> => {
  const found = { seqs: [] as number[], reported: 0 }
  const tail = log.tail(0, ({ seq, events }) => {
    for (const [index, event] of events.entries()) {
      found.seqs.push(seq + index)
      if (event.type === 'events.lost' && event.reason === 'log-full') found.reported += event.count
    }
  })
  await tail.caughtUp
  tail.stop()
  return found
}

const mayMount = (): boolean => {
  using disk = smallDisk()
  return disk.mounted
}
const onSmallDisk = mayMount() ? test : test.skip

onSmallDisk(
  'a full disk costs the newest events, not the process; the loss is reported when there is space again',
  async () => {
    using disk = smallDisk()
    let now = 0
    using log = open(join(disk.path, 'data'), { now: () => now })
    log.release('collector', 0) // no row may be deleted for new ones
    const received: string[] = []
    await log.tail(0, ({ events }) => received.push(...events.map(({ type }) => type))).caughtUp
    append(log, ['before'])

    const free = disk.fill(100_000)
    for (let n = 0; n < 300; n++) append(log, ['x'.repeat(2_000)])
    const lost = log.stats.lost['log-full']
    assert.ok(lost > 100 && lost < 300, `${lost} lost`)
    assert.is(received.filter((type) => type === 'process.stopped').length, 301, 'live tails got all of them')
    assert.is(log.saveSnapshot('collector', 1, 'x'.repeat(100_000)), false)
    assert.match(log.stats.failure ?? '', /full/)

    free()
    now = 5_000
    append(log, ['after'])
    assert.is(log.stats.failure, null)
    assert.is(log.stats.lost['log-full'], lost)
    const { seqs, reported } = await written(log)
    assert.is(reported, lost)
    assert.is(seqs.at(-1)! - seqs.length, lost, 'every missing seq is accounted for')
    assert.ok(log.saveSnapshot('collector', 1, 'x'))
  },
)

onSmallDisk(
  'a log with a bound above the size of its disk deletes the oldest rows before the disk is full',
  async () => {
    using disk = smallDisk()
    using log = open(join(disk.path, 'data'), { maxBytes: 2 * diskBytes })
    await log.tail(0, (_, row) => log.release('collector', row)).caughtUp
    for (let n = 0; n < 20_000; n++) append(log, ['x'.repeat(2_000)])
    assert.is(log.stats.lost['log-full'], 0)
    assert.is(log.stats.lost['log-bounds'], 0)
    assert.ok(log.stats.bytes > diskBytes / 2, `${log.stats.bytes} bytes`)
  },
)

onSmallDisk('opening on a full disk is one clear error', () => {
  using disk = smallDisk()
  disk.fill(0)
  try {
    open(join(disk.path, 'data')).close()
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ERR_LOG_UNWRITABLE')
  }
})

onSmallDisk('a log that filled its disk is written again after all of it was shipped', () => {
  using disk = smallDisk()
  using log = open(join(disk.path, 'data'), { maxBytes: 64 * 2 ** 20 })
  log.release('shipper', 0)
  const many = Array.from({ length: 20 }, (_, n) => `reason ${n}`)
  for (let n = 0; log.stats.failure === null && n < 200_000; n++) append(log, many)
  assert.ok(log.stats.failure)
  log.trim(0)
  assert.ok(log.stats.failure, 'rows that were not shipped stay')
  log.release('shipper', log.lastRow)
  log.trim(0)
  append(log, ['after'])
  assert.is(log.stats.failure, null)
  assert.ok(log.stats.bytes < 2 ** 20)
})

test.run()
