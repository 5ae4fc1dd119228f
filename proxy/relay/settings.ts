import type { Address } from '../datacenter/directory.ts'
import type { Mode } from '../events/contract.ts'
import type { ThreadSample } from '../host/event-loop.ts'
import type { ClaimAnswer } from '../replay-cache/redis.ts'
import type { Flight } from '../wire/server-hello.ts'
import type { EventBudget } from './threads/event-budget.ts'

/** What a worker thread is told at its start; plain data, for it crosses threads. Times in ms, sizes in bytes. */
export type RelaySettings = {
  worker: number
  host: string
  port: number
  portable: boolean
  modes: readonly Mode[]
  tlsDomain: string
  fastMode: boolean
  toClientBuffer: { low: number; below: number; high: number }
  toDatacenterBuffer: number
  dialTimeoutMs: number
  handshakeTimeoutMs: number
  firstByteTimeoutMs: number
  ackTimeoutMs: number
  idleTimeoutMs: number
  stallTimeoutMs: number
  clockSkewSeconds: number
  /** Of all threads together, counted in `room`. */
  maxConnections: number
  /** What bounds them: the setting, or the file descriptors there are. */
  connectionLimit: 'connections' | 'file-descriptors'
  maxHandshakes: number
  room: SharedArrayBuffer
  /** What fronted connections may pass, see `budget.ts`. */
  budget: SharedArrayBuffer
  /** See `prefixKey`; the same in all threads. */
  prefixSeed: number
  /** This thread's share. */
  poolSize: number
  /** This thread's share. */
  eventBudget: EventBudget
  replay: SharedArrayBuffer
  /** What happens to a handshake that the shared replay cache does not answer for; null: there is none. */
  sharedReplay: 'local' | 'refuse' | null
} & Changeable

/** What can change while connections run: by SIGHUP, by the prober, by a new measurement, at midnight. */
export type Changeable = {
  users: readonly RelayUser[]
  /** Directory id → addresses, best first; IP addresses only. */
  directory: ReadonlyMap<number, readonly Address[]>
  /** Where strangers go; null: nowhere. */
  mask: Address | null
  flight: Flight
  /** Key of the client hashes, for one day. */
  addressKey: Uint8Array
}

export type RelayUser = { name: string; secret: Uint8Array }

/** Main thread → worker. */
export type ToWorker =
  | { type: 'change'; change: Partial<Changeable> }
  /** A batch was taken over. */
  | { type: 'taken' }
  | { type: 'sample' }
  /** Stops accepting; sessions may end by themselves for so long. */
  | { type: 'drain'; ms: number }
  | { type: 'claimed'; id: number; answer: ClaimAnswer }

/** Worker → main thread. */
export type FromWorker =
  /** `waker`: a descriptor; a byte written there makes the thread look at its messages at once. Null: it always does. */
  | { type: 'listening'; port: number; engine: 'native' | 'portable'; waker: number | null }
  | { type: 'failed'; message: string }
  /** JSON of an array of `count` facts; `lost` facts before them were dropped. */
  | { type: 'facts'; text: string; count: number; lost: number }
  | { type: 'sample'; open: number; pooled: number; sample: ThreadSample }
  | { type: 'claim'; id: number; digest: string; connection: string }
  | { type: 'drained' }
  | { type: 'fault' | 'warning'; message: string }
