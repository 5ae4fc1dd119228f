import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { ThreadSample } from '../../host/event-loop.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import type { Changeable, FromWorker, RelaySettings, ToWorker } from '../settings.ts'

export type Threads = {
  readonly port: number
  readonly engine: 'native' | 'portable'
  change(change: Partial<Changeable>): void
  /** What each thread told last, each once; asks for the next. */
  samples(): readonly ThreadSample[]
  readonly openConnections: number
  readonly pooledConnections: number
  /** Stops accepting and resolves when all connections have ended, or were ended after `ms`. */
  drain(ms: number): Promise<void>
  close(): Promise<void>
}

export type ThreadEvents = {
  events(text: string, lost: number): void
  /** For the program's own log. */
  line(type: 'fault' | 'warning', message: string): void
  /** Asks all proxies about a handshake; only where settings say that there is somebody to ask. */
  claim(digest: string, connection: string): Promise<ClaimAnswer>
  /** A thread died; nobody listens in its place. */
  died(worker: number, error: unknown): void
}

/**
 * Small young generation: what a handshake leaves behind dies young anyway, and memory that a thread once had for it is
 * never given back.
 */
const limits = { maxYoungGenerationSizeMb: 8 }

type Thread = {
  worker: Worker
  open: number
  pooled: number
  sample: ThreadSample | null
  drained: () => void
  waker: number | null
}

const byte = Buffer.alloc(1)
const wake = (descriptor: number): void => {
  try {
    writeSync(descriptor, byte)
  } catch {
    // The pipe is full of bytes that say the same.
  }
}

/** Starts the data plane; rejects when a thread cannot listen. */
export const startThreads = async (
  count: number,
  settings: Omit<RelaySettings, 'worker'>,
  events: ThreadEvents,
): Promise<Threads> => {
  const threads: Thread[] = []
  let closing = false

  const claim = async (
    thread: Thread,
    { id, digest, connection }: Extract<FromWorker, { type: 'claim' }>,
  ) => {
    const answer = await events.claim(digest, connection)
    thread.worker.postMessage({ type: 'claimed', id, answer } satisfies ToWorker)
    if (thread.waker !== null && !closing) wake(thread.waker)
  }

  const start = (number: number): Promise<{ port: number; engine: 'native' | 'portable' }> => {
    const { promise, resolve, reject } = Promise.withResolvers<{
      port: number
      engine: 'native' | 'portable'
    }>()
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: { ...settings, worker: number } satisfies RelaySettings,
      resourceLimits: limits,
      name: `relay-${number}`,
    })
    const thread: Thread = { worker, open: 0, pooled: 0, sample: null, drained: () => {}, waker: null }
    threads.push(thread)
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'listening':
          thread.waker = message.waker
          return resolve(message)
        case 'claim':
          return void claim(thread, message)
        case 'failed':
          return reject(new Error(message.message))
        case 'events':
          worker.postMessage({ type: 'taken' } satisfies ToWorker)
          return events.events(message.text, message.lost)
        case 'sample':
          thread.open = message.open
          thread.pooled = message.pooled
          thread.sample = message.sample
          return
        case 'drained':
          return thread.drained()
        case 'fault':
        case 'warning':
          return events.line(message.type, message.message)
      }
    })
    worker.on('error', (error) => {
      reject(error)
      if (!closing) events.died(number, error)
    })
    worker.on('exit', () => {
      thread.drained()
      if (closing) return
      reject(new Error('a relay thread ended'))
      events.died(number, 'it ended by itself')
    })
    return promise
  }

  const report = (message: ToWorker): void => {
    for (const { worker } of threads) worker.postMessage(message)
  }
  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  try {
    const listening = await Promise.all(Array.from({ length: count }, (_, number) => start(number)))
    const { port, engine } = listening[0]!
    return {
      port,
      engine,
      change: (change) => report({ type: 'change', change }),
      samples: () => {
        const reported = threads.flatMap(({ sample }) => (sample === null ? [] : [sample]))
        for (const thread of threads) thread.sample = null
        report({ type: 'sample' })
        return reported
      },
      get openConnections() {
        return threads.reduce((sum, { open }) => sum + open, 0)
      },
      get pooledConnections() {
        return threads.reduce((sum, { pooled }) => sum + pooled, 0)
      },
      drain: async (ms) => {
        const drained = threads.map(
          (thread) =>
            new Promise<void>((resolve) => {
              thread.drained = resolve
            }),
        )
        report({ type: 'drain', ms })
        await Promise.all(drained)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
