import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { ThreadSample } from '../../host/event-loop.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import type { Changeable, FromWorker, RelaySettings, ToWorker } from '../settings.ts'

export type Threads = {
  readonly port: number
  readonly engine: 'native' | 'portable'
  change(change: Partial<Changeable>): void
  /** The newest sample of each thread, each returned once; asks for the next ones. */
  samples(): readonly ThreadSample[]
  readonly openConnections: number
  readonly pooledConnections: number
  /** Stops accepting. Resolves when all connections have ended; those open after `ms` are closed. */
  drain(ms: number): Promise<void>
  close(): Promise<void>
}

export type ThreadEvents = {
  events(text: string, lost: number): void
  /** For the logger. */
  line(type: 'fault' | 'warning', message: string): void
  /** Asks all proxies about a handshake. Called only where the settings have a shared replay cache. */
  claim(digest: string, connection: string): Promise<ClaimAnswer>
  /** A thread died; no other one listens in its place. */
  died(worker: number, error: unknown): void
}

/** A small young generation: garbage of a handshake dies young, and V8 never returns memory that a thread once had. */
const limits = { maxYoungGenerationSizeMb: 8 }

type Listening = { port: number; engine: 'native' | 'portable' }

type Thread = {
  readonly worker: Worker
  /** Resolves when it listens; rejects when it cannot, or dies before. */
  readonly listening: PromiseWithResolvers<Listening>
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
    // The pipe is full: the thread has enough bytes to wake it.
  }
}

const report = ({ worker }: Thread, message: ToWorker): void => worker.postMessage(message)

/** `report` for a message that must not wait for the next pulse. */
const reportNow = (thread: Thread, message: ToWorker): void => {
  report(thread, message)
  if (thread.waker !== null) wake(thread.waker)
}

const openThread = (number: number, settings: Omit<RelaySettings, 'worker'>): Thread => ({
  worker: new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { ...settings, worker: number } satisfies RelaySettings,
    resourceLimits: limits,
    name: `relay-${number}`,
  }),
  listening: Promise.withResolvers(),
  open: 0,
  pooled: 0,
  sample: null,
  drained: () => {},
  waker: null,
})

const take = (
  thread: Thread,
  message: FromWorker,
  events: ThreadEvents,
  claim: (thread: Thread, message: Extract<FromWorker, { type: 'claim' }>) => Promise<void>,
): void => {
  switch (message.type) {
    case 'listening':
      thread.waker = message.waker
      return thread.listening.resolve(message)
    case 'claim':
      return void claim(thread, message)
    case 'failed':
      return thread.listening.reject(new Error(message.message))
    case 'events':
      report(thread, { type: 'taken' })
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
}

const takeSamples = (threads: readonly Thread[]): ThreadSample[] => {
  const samples = threads.flatMap(({ sample }) => (sample === null ? [] : [sample]))
  for (const thread of threads) {
    thread.sample = null
    report(thread, { type: 'sample' })
  }
  return samples
}

const drainAll = async (threads: readonly Thread[], ms: number): Promise<void> => {
  await Promise.all(
    threads.map((thread) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      thread.drained = resolve
      reportNow(thread, { type: 'drain', ms })
      return promise
    }),
  )
}

/** Starts the data plane; rejects when a thread cannot listen. */
export const startThreads = async (
  count: number,
  settings: Omit<RelaySettings, 'worker'>,
  events: ThreadEvents,
): Promise<Threads> => {
  let closing = false

  const claim = async (
    thread: Thread,
    { id, digest, connection }: Extract<FromWorker, { type: 'claim' }>,
  ): Promise<void> => {
    const answer = await events.claim(digest, connection)
    if (!closing) reportNow(thread, { type: 'claimed', id, answer })
  }

  const threads: Thread[] = []
  const start = (number: number): Promise<Listening> => {
    const thread = openThread(number, settings)
    const { worker, listening } = thread
    threads.push(thread)
    worker.on('message', (message: FromWorker) => take(thread, message, events, claim))
    worker.on('error', (error) => {
      listening.reject(error)
      if (!closing) events.died(number, error)
    })
    worker.on('exit', () => {
      thread.drained()
      if (closing) return
      listening.reject(new Error('a relay thread ended'))
      events.died(number, 'it ended by itself')
    })
    return listening.promise
  }

  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  try {
    const [first] = await Promise.all(Array.from({ length: count }, (_, number) => start(number)))
    const { port, engine } = first!
    return {
      port,
      engine,
      change: (change) => {
        for (const thread of threads) reportNow(thread, { type: 'change', change })
      },
      samples: () => takeSamples(threads),
      get openConnections() {
        return threads.reduce((sum, { open }) => sum + open, 0)
      },
      get pooledConnections() {
        return threads.reduce((sum, { pooled }) => sum + pooled, 0)
      },
      drain: (ms) => drainAll(threads, ms),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
