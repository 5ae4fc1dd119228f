import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../events/contract.ts'
import { watchLoop } from './event-loop.ts'
import { busyShare, cpuTimes, openFds } from './proc.ts'
import { sampleProcess } from './samples.ts'

type Sampled = Extract<ProxyEvent, { type: 'process.sampled' }>

const spin = (ms: number): void => {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Spends CPU, however little of it this process is given. */
const burn = (cpuMs: number): void => {
  const before = process.cpuUsage()
  while (process.cpuUsage(before).user + process.cpuUsage(before).system < cpuMs * 1000);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const sampledBy = (run: (sample: () => Sampled) => Promise<void>): Promise<void> => {
  let latest: ProxyEvent | undefined
  const sampler = sampleProcess({
    emit: (event) => {
      latest = event
    },
    now: () => 1234,
    workers: () => [{ thread: 'worker-0', delayP50Ms: 1, delayP99Ms: 2, utilization: 0.5, gcMs: 7 }],
    openConnections: () => 3,
  })
  const sample = (): Sampled => {
    sampler.sample()
    return latest as Sampled
  }
  return run(sample).finally(sampler.stop)
}

test('a sample has the CPU time of its interval only', () =>
  sampledBy(async (sample) => {
    burn(60)
    const before = performance.now()
    const busy = sample()
    const idle = sample()
    const elapsed = performance.now() - before
    assert.ok(busy.cpuUserMs + busy.cpuSystemMs >= 60, `${busy.cpuUserMs} ms`)
    assert.ok(idle.cpuUserMs + idle.cpuSystemMs < busy.cpuUserMs + busy.cpuSystemMs)
    assert.ok(busy.hostCpu > 0 && busy.hostCpu <= 1)
    assert.ok(busy.intervalMs > 0 && idle.intervalMs <= Math.ceil(elapsed))
  }))

test('a sample has every thread once, and the sum of their garbage collection', () =>
  sampledBy(async (sample) => {
    const { loops, gcMs, openConnections, at, rssBytes, maxFds } = sample()
    assert.equal(
      loops.map(({ thread }) => thread),
      ['main', 'worker-0'],
    )
    assert.equal(loops[1], { thread: 'worker-0', delayP50Ms: 1, delayP99Ms: 2, utilization: 0.5 })
    assert.ok(gcMs >= 7)
    assert.is(openConnections, 3)
    assert.is(at, 1234)
    assert.ok(rssBytes > 1e6 && maxFds > 0)
  }))

test('a blocking turn of the loop shows as delay in one sample only', async () => {
  const loop = watchLoop('main')
  await turn()
  // Long: a process that waits for a core is late by tens of ms, too.
  spin(500)
  await turn()
  await turn()
  assert.ok(loop.sample().delayP99Ms >= 450)
  await turn()
  assert.ok(loop.sample().delayP99Ms < 450)
  loop.stop()
})

test('a worker thread can measure itself and post the sample', async () => {
  const worker = new Worker(
    `import(${JSON.stringify(new URL('./event-loop.ts', import.meta.url).href)}).then(async ({ watchLoop }) => {
       const loop = watchLoop('worker-7')
       await new Promise((resolve) => setImmediate(resolve))
       require('node:worker_threads').parentPort.postMessage(loop.sample())
       loop.stop()
     })`,
    { eval: true },
  )
  const exited = once(worker, 'exit')
  const [sample] = await once(worker, 'message')
  assert.is(sample.thread, 'worker-7')
  assert.ok(sample.utilization >= 0 && sample.utilization <= 1)
  await exited
})

test('an open file counts as one descriptor', () => {
  const before = openFds()
  const fd = openSync(import.meta.filename, 'r')
  assert.is(openFds(), before + 1)
  closeSync(fd)
})

test('a process without free descriptors still emits samples, with the limit reached', async () => {
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
  const source = `
    const { sampleProcess } = await import(${url('./samples.ts')})
    const { openSync } = await import('node:fs')
    let output
    const { sample } = sampleProcess({
      emit: (event) => { output = event }, now: Date.now, workers: () => [], openConnections: () => 0,
    })
    sample()
    const before = output
    try { for (;;) openSync('/dev/null') } catch {}
    sample()
    console.log(JSON.stringify([before, output]))
    process.exit()`
  const child = spawn(
    'sh',
    ['-c', 'ulimit -n 64 && exec "$0" --input-type=module -e "$1"', process.execPath, source],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const text = (await child.stdout.toArray()).join('')
  const [before, after] = JSON.parse(text) as [Sampled, Sampled]
  assert.is(before.maxFds, 64)
  assert.ok(before.openFds < 64)
  assert.is(after.maxFds, 64)
  assert.ok(after.openFds >= 64, `${after.openFds}`)
  assert.ok(after.rssBytes > 1e7 && after.heapUsedBytes > 1e5)
  assert.ok(Math.abs(before.rssBytes - process.memoryUsage.rss()) < 2e8)
})

test('the busy share stays between 0 and 1 for any counters', () => {
  assert.is(busyShare({ busy: 10, total: 100 }, { busy: 60, total: 200 }), 0.5)
  assert.is(busyShare({ busy: 10, total: 100 }, { busy: 10, total: 100 }), 0)
  assert.is(busyShare({ busy: 10, total: 100 }, { busy: 5, total: 200 }), 0)
  const { busy, total } = cpuTimes()
  assert.ok(busy > 0 && busy < total)
})

test.run()
