import type { Mode } from './far-ends.ts'

const perGb = { unit: 'CPU s/GB', digits: 2, atMost: null } as const
const perThousand = { unit: 'CPU s/1,000', digits: 3, atMost: null } as const
const speed = { unit: 'MB/s', digits: 0, atMost: null } as const
const perSecond = { unit: '1/s', digits: 0, atMost: null } as const
const latency = { unit: 'ms', digits: 2, atMost: null } as const
const roundTrip = { unit: 'ms', digits: 3, atMost: null } as const
const memory = { unit: 'MB', digits: 0, atMost: null } as const
const calls = { unit: '', digits: 1, atMost: null } as const

/** Every figure in the order of the report. `atMost` is the limit for a pass, where there is one. */
export const figures = {
  freshDd: { label: 'first connections of a new process, 100/s, dd', ...perThousand, atMost: 0.9 },
  freshPq: { label: 'first connections of a new process, 100/s, ee', ...perThousand, atMost: 1.2 },
  rate100Dd: { label: 'connections, 100/s, dd', ...perThousand, atMost: 0.45 },
  rate100Pq: { label: 'connections, 100/s, ee', ...perThousand, atMost: 0.6 },
  rate10Dd: { label: 'connections, 10/s, dd', ...perThousand },
  rate10Pq: { label: 'connections, 10/s, ee', ...perThousand },
  rate1: { label: 'connections, 1/s, dd and ee in turn', ...perThousand },
  handshakeDd: { label: 'connections, saturated, dd', ...perThousand, atMost: 0.12 },
  handshakeEe: { label: 'connections, saturated, ee, X25519', ...perThousand },
  handshakePq: { label: 'connections, saturated, ee', ...perThousand, atMost: 0.26 },
  messageDd: {
    label: 'messages of 64 bytes, 1,000/s over 200 connections, dd',
    ...perThousand,
    atMost: 0.055,
  },
  messageEe: {
    label: 'messages of 64 bytes, 1,000/s over 200 connections, ee',
    ...perThousand,
    atMost: 0.055,
  },
  downDd: { label: 'download, dd', ...perGb, atMost: 0.9 },
  downEe: { label: 'download, ee', ...perGb, atMost: 1.2 },
  upDd: { label: 'upload, dd', ...perGb, atMost: 2 },
  upEe: { label: 'upload, ee, records of 16 KiB', ...perGb, atMost: 2.4 },
  upEeSmall: { label: 'upload, ee, records of 2,878 bytes', ...perGb },
  quietCpu: { label: 'CPU without connections', unit: '% of a core', digits: 2, atMost: 0.2 },
  quietWakeUps: { label: 'wake-ups of all threads without connections', unit: '1/s', digits: 1, atMost: 10 },
  idleCpu: { label: 'CPU while all connections are idle', unit: '% of a core', digits: 1, atMost: null },
  callsDd: { label: 'system calls for a connection, 100/s, dd', ...calls },
  callsPq: { label: 'system calls for a connection, 100/s, ee', ...calls },
  callsDown: { label: 'system calls for a MB of download', ...calls },
  callsUp: { label: 'system calls for a MB of upload', ...calls },
  threadMessages: {
    label: 'messages between threads for a connection of a new process, dd',
    ...calls,
    digits: 2,
  },
  establishDdP50: { label: 'to the first byte back, dd, p50', ...latency },
  establishDdP99: { label: 'to the first byte back, dd, p99', ...latency },
  establishEeP50: { label: 'to the first byte back, ee, X25519, p50', ...latency },
  establishEeP99: { label: 'to the first byte back, ee, X25519, p99', ...latency },
  roundTripDdP50: { label: 'echo of 64 bytes, dd, p50', ...roundTrip },
  roundTripDdP99: { label: 'echo of 64 bytes, dd, p99', ...roundTrip },
  roundTripEeP50: { label: 'echo of 64 bytes, ee, p50', ...roundTrip },
  roundTripEeP99: { label: 'echo of 64 bytes, ee, p99', ...roundTrip },
  downDdSpeed: { label: 'download, dd', ...speed },
  downEeSpeed: { label: 'download, ee', ...speed },
  upDdSpeed: { label: 'upload, dd', ...speed },
  upEeSpeed: { label: 'upload, ee, records of 16 KiB', ...speed },
  handshakeDdRate: { label: 'connections, saturated, dd', ...perSecond },
  handshakeEeRate: { label: 'connections, saturated, ee, X25519', ...perSecond },
  oneWorkerRss: { label: 'RSS after the start, one worker', ...memory, atMost: 64 },
  startRss: { label: 'RSS after the start', ...memory, atMost: 90 },
  idleRss: { label: 'RSS of an idle connection, half dd and half ee', unit: 'kB', digits: 1, atMost: 20 },
  endRss: { label: 'RSS after all of this', ...memory },
} as const

export type Figure = keyof typeof figures
export type Measured = Partial<Record<Figure, number>>

/** The amount of work in one run: bytes, numbers of connections and messages, seconds. */
export type Amounts = {
  readonly bulkBytes: number
  readonly handshakes: number
  readonly establishments: number
  readonly roundTrips: number
  readonly idle: number
  readonly fresh: number
  /** Duration of the load at each rate; a tenth of it at least is one connection. */
  readonly rateSeconds: number
  readonly messageSeconds: number
  readonly quietSeconds: number
  readonly countedBytes: number
}

export type Part =
  | 'idle'
  | 'verify'
  | 'handshakes'
  | 'latency'
  | 'bulk'
  | 'fresh dd'
  | 'fresh ee'
  | 'rates'
  | 'messages'
  | 'quiet'
  | 'connection calls'
  | 'bulk calls'

/** In this order: memory before load, small loads on a warm process, and bulk at last, which some peers do not survive. */
export const parts: readonly Part[] = [
  'idle',
  'verify',
  'handshakes',
  'latency',
  'rates',
  'messages',
  'quiet',
  'connection calls',
  'bulk',
  'bulk calls',
]

/** The parts of variants that differ from “tuned” only in what bulk and saturation show. */
export const fewParts: readonly Part[] = ['idle', 'verify', 'handshakes', 'latency', 'bulk']

/** The argument of the load generator, as JSON. */
export type Job = {
  readonly pid: number
  readonly port: number
  readonly secret: string
  readonly domain: string
  readonly modes: readonly Mode[]
  readonly amounts: Amounts
  readonly parts: readonly Part[]
}

/** Its answer: figures, and the parts that failed with their errors. */
export type Outcome = { readonly measured: Measured; readonly failed: Partial<Record<Part, string>> }
