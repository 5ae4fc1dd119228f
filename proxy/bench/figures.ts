/** Every figure in the order of the report. `atMost` is the limit for a pass, where there is one. */
export const figures = {
  downDd: { label: 'download, dd', unit: 'CPU s/GB', digits: 2, atMost: 0.9 },
  downEe: { label: 'download, ee', unit: 'CPU s/GB', digits: 2, atMost: 1.2 },
  upDd: { label: 'upload, dd', unit: 'CPU s/GB', digits: 2, atMost: 2 },
  upEe: { label: 'upload, ee, records of 16 KiB', unit: 'CPU s/GB', digits: 2, atMost: 2.4 },
  upEeSmall: { label: 'upload, ee, records of 2,878 bytes', unit: 'CPU s/GB', digits: 2, atMost: null },
  downDdSpeed: { label: 'download, dd', unit: 'MB/s', digits: 0, atMost: null },
  downEeSpeed: { label: 'download, ee', unit: 'MB/s', digits: 0, atMost: null },
  upDdSpeed: { label: 'upload, dd', unit: 'MB/s', digits: 0, atMost: null },
  upEeSpeed: { label: 'upload, ee, records of 16 KiB', unit: 'MB/s', digits: 0, atMost: null },
  handshakeDd: { label: 'connections, saturated, dd', unit: 'CPU s/1,000', digits: 3, atMost: 0.6 },
  handshakeEe: { label: 'connections, saturated, ee, X25519', unit: 'CPU s/1,000', digits: 3, atMost: 0.8 },
  handshakePq: {
    label: 'connections, saturated, ee, X25519MLKEM768',
    unit: 'CPU s/1,000',
    digits: 3,
    atMost: 0.8,
  },
  handshakeDdRate: { label: 'connections, saturated, dd', unit: '1/s', digits: 0, atMost: null },
  handshakeEeRate: { label: 'connections, saturated, ee, X25519', unit: '1/s', digits: 0, atMost: null },
  establishDdP50: { label: 'to the first byte back, dd, p50', unit: 'ms', digits: 2, atMost: null },
  establishDdP99: { label: 'to the first byte back, dd, p99', unit: 'ms', digits: 2, atMost: null },
  establishEeP50: { label: 'to the first byte back, ee, p50', unit: 'ms', digits: 2, atMost: null },
  establishEeP99: { label: 'to the first byte back, ee, p99', unit: 'ms', digits: 2, atMost: null },
  roundTripDdP50: { label: 'echo of 64 bytes, dd, p50', unit: 'ms', digits: 3, atMost: null },
  roundTripDdP99: { label: 'echo of 64 bytes, dd, p99', unit: 'ms', digits: 3, atMost: null },
  roundTripEeP50: { label: 'echo of 64 bytes, ee, p50', unit: 'ms', digits: 3, atMost: null },
  roundTripEeP99: { label: 'echo of 64 bytes, ee, p99', unit: 'ms', digits: 3, atMost: null },
  startRss: { label: 'RSS after the start', unit: 'MB', digits: 0, atMost: 150 },
  idleRss: { label: 'RSS of an idle connection, half dd and half ee', unit: 'kB', digits: 1, atMost: 20 },
  idleCpu: { label: 'CPU while all are idle', unit: '% of a core', digits: 1, atMost: null },
  endRss: { label: 'RSS after all of this', unit: 'MB', digits: 0, atMost: null },
} as const

export type Figure = keyof typeof figures
export type Measured = Partial<Record<Figure, number>>

/** The amount of work in one run. */
export type Amounts = {
  readonly bulkBytes: number
  readonly handshakes: number
  readonly establishments: number
  readonly roundTrips: number
  readonly idle: number
}

export type Part = 'verify' | 'idle' | 'bulk' | 'handshakes' | 'latency'
export const parts: readonly Part[] = ['idle', 'verify', 'handshakes', 'latency', 'bulk']

/** The argument of the load generator, as JSON. */
export type Job = {
  readonly pid: number
  readonly port: number
  readonly secret: string
  readonly proxy: boolean
  readonly amounts: Amounts
  readonly parts: readonly Part[]
}
