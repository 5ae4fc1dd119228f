import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { ThreadSample } from '../../host/event-loop.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import { userCounts } from '../../user-limits/counts.ts'
import type { Lease } from '../../user-limits/lease.ts'
import { giveBack } from '../capacity.ts'
import type { Changeable, FromWorker, RelaySettings, ToWorker } from '../settings.ts'
import { causeOf, closeDescriptors, type Death, REPLACED, replacements } from './death.ts'
import { type Ledger, newLedger, unreceived } from './ledger.ts'
import type { WorkerData } from './worker.ts'

export type Threads = {
  readonly engine: 'native' | 'portable'
  /** How clients are sent to; empty: the engine cannot ask. */
  readonly congestion: string
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
  claim(digest: string, connection: string, lease: Lease | null): Promise<ClaimAnswer>
  /** The first signed hello of a class that a thread has seen for a domain. */
  hello(domain: string, kind: string, template: Buffer): void
  died(death: Death): void
  /** A thread listens in place of a dead one. */
  replaced(worker: number): void
  /** No thread can take the place of a dead one. */
  failed(reason: string): void
}

/** A small young generation: garbage of a handshake dies young, and V8 never returns memory that a thread once had. */
const limits = { maxYoungGenerationSizeMb: 8 }

type Listening = { engine: 'native' | 'portable'; congestion?: string }

type Thread = {
  readonly number: number
  readonly worker: Worker
  readonly ledger: Ledger
  /** Events that came from it, or that it has reported as lost. */
  received: number
  error: unknown
  dead: boolean
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

const openThread = (
  number: number,
  settings: Omit<RelaySettings, 'worker'>,
  ledger = newLedger(),
): Thread => ({
  number,
  worker: new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { settings: { ...settings, worker: number }, ledger } satisfies WorkerData,
    resourceLimits: limits,
    name: `relay-${number}`,
  }),
  ledger,
  received: 0,
  error: null,
  dead: false,
  listening: Promise.withResolvers(),
  open: 0,
  pooled: 0,
  sample: null,
  drained: () => {},
  waker: null,
})

const claim = async (
  thread: Thread,
  { id, digest, connection, lease }: Extract<FromWorker, { type: 'claim' }>,
  events: ThreadEvents,
): Promise<void> => {
  const answer = await events.claim(digest, connection, lease)
  reportNow(thread, { type: 'claimed', id, answer })
}

const take = (thread: Thread, message: FromWorker, events: ThreadEvents): void => {
  switch (message.type) {
    case 'listening':
      thread.waker = message.waker
      return thread.listening.resolve(message)
    case 'claim':
      return void claim(thread, message, events)
    case 'hello':
      return events.hello(message.domain, message.kind, Buffer.from(message.template))
    case 'failed':
      return thread.listening.reject(new Error(message.message))
    case 'events':
      report(thread, { type: 'taken' })
      thread.received += message.count + message.lost
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

const sumOf = (threads: readonly Thread[], count: 'open' | 'pooled'): number =>
  threads.reduce((sum, thread) => sum + thread[count], 0)

const drainAll = async (threads: readonly Thread[], ms: number): Promise<void> => {
  await Promise.all(
    threads.map((thread) => {
      if (thread.dead) return null
      const { promise, resolve } = Promise.withResolvers<void>()
      thread.drained = resolve
      reportNow(thread, { type: 'drain', ms })
      return promise
    }),
  )
}

const terminate = async (threads: readonly Thread[]): Promise<void> => {
  await Promise.all(
    threads.map((thread) => {
      thread.waker = null
      return thread.worker.terminate()
    }),
  )
}

const announce = (thread: Thread, events: ThreadEvents): void => {
  const { listening, number } = thread
  listening.promise.then(
    () => events.replaced(number),
    (error: Error) => {
      // One that dies before it listens is replaced itself.
      if (!thread.dead) events.failed(`relay thread ${number} is not replaced: ${error.message}`)
    },
  )
}

/** Starts the data plane, and a new thread in place of one that dies. Rejects when a thread cannot listen. */
export const startThreads = async (
  count: number,
  initial: Omit<RelaySettings, 'worker'>,
  events: ThreadEvents,
): Promise<Threads> => {
  let settings = initial
  let state: 'starting' | 'running' | 'draining' | 'closing' = 'starting'
  const threads: Thread[] = []
  const mayReplace = replacements()
  const died = (thread: Thread, code: number): void => {
    const cause = causeOf(thread.error, code)
    Object.assign(thread, { dead: true, waker: null, open: 0, pooled: 0, sample: null })
    thread.listening.reject(new Error(cause.message))
    thread.drained()
    if (state === 'starting' || state === 'closing') return
    const { number, ledger, received } = thread
    closeDescriptors(ledger)
    giveBack(settings.capacity, number)
    userCounts(settings.userCounts, settings.workers).giveBack(number)
    events.died({ worker: number, ...cause, lost: unreceived(ledger, received) })
    if (state === 'running') replace(number, cause.message)
  }
  const replace = (number: number, message: string): void => {
    if (!mayReplace()) {
      return events.failed(
        `${REPLACED + 1} relay threads died within a minute, the last one because ${message}`,
      )
    }
    announce(start(number), events)
  }
  const start = (number: number): Thread => {
    const thread = openThread(number, settings)
    const { worker } = thread
    threads[number] = thread
    worker.on('message', (message: FromWorker) => take(thread, message, events))
    worker.on('error', (error) => {
      thread.error = error
    })
    // The last event, after all messages: the thread runs no more.
    worker.on('exit', (code) => died(thread, code))
    return thread
  }
  const close = async (): Promise<void> => {
    state = 'closing'
    await terminate(threads)
  }
  try {
    const [first] = await Promise.all(
      Array.from({ length: count }, (_, number) => start(number).listening.promise),
    )
    const { engine, congestion = '' } = first!
    state = 'running'
    return {
      engine,
      congestion,
      change: (change) => {
        settings = { ...settings, ...change }
        for (const thread of threads) reportNow(thread, { type: 'change', change })
      },
      samples: () => takeSamples(threads),
      get openConnections() {
        return sumOf(threads, 'open')
      },
      get pooledConnections() {
        return sumOf(threads, 'pooled')
      },
      drain: (ms) => {
        state = 'draining'
        return drainAll(threads, ms)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
