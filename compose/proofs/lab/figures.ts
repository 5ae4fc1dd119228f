/** Samples of one side in one scenario, of all its turns. Times in ms, rates in Mbit/s. */
export type Samples = {
  /** Connect to first answer. */
  readonly connectDd: number[]
  readonly connectEe: number[]
  /** A message and its echo: on an otherwise idle path, and during a download on the same bottleneck. */
  readonly idle: number[]
  readonly loaded: number[]
  /** 256 KiB after three seconds of silence. */
  readonly silent: number[]
  /** Downloads of one and of eight connections. */
  readonly one: number[]
  readonly eight: number[]
  /** Of the proxy, during the downloads: CPU s/GB, wake-ups per MB, share of segments sent again, %. */
  readonly cpu: number[]
  readonly wakeUps: number[]
  readonly resent: number[]
  /** Connections that failed or were not answered in time. */
  readonly failed: number[]
}

export type Sample = keyof Samples

export const noSamples = (): Samples => ({
  connectDd: [],
  connectEe: [],
  idle: [],
  loaded: [],
  silent: [],
  one: [],
  eight: [],
  cpu: [],
  wakeUps: [],
  resent: [],
  failed: [],
})

/** How much is measured in one turn. */
export type Amounts = {
  /** Connections of each mode. */
  readonly connects: number
  readonly silenceMs: number
  readonly silentConnections: number
  readonly oneMs: number
  readonly eightMs: number
}

/** The argument of the load generator, as JSON. */
export type Job = {
  readonly host: string
  readonly port: number
  /** 32 hex digits, or `dd` or `ee` and more: the modes. */
  readonly secret: string
  /** The process of the proxy. */
  readonly pid: number
  /** Other clients that are connected and send messages all the time. */
  readonly crowd: number
  readonly amounts: Amounts
}

export const answerBytes = 256 << 10
