import type { Mode } from './far-ends.ts'

/** The argument of `scale-load.ts`, as JSON. */
export type ScaleJob = {
  readonly pid: number
  readonly port: number
  readonly secret: string
  readonly domain: string
  readonly modes: readonly Mode[]
  /** Numbers of open connections, ascending. */
  readonly steps: readonly number[]
  /** Messages per second over all of them, and for how long at each step. */
  readonly perSecond: number
  readonly seconds: number
  /** Silent clients that connect, after the steps, while the open connections exchange messages; or null. */
  readonly silent: Omit<SilentJob, 'port'> | null
}

/** At one number of open connections. CPU is a share of a core, times are ms. */
export type Step = {
  readonly connections: number
  readonly cpuShare: number
  readonly p50: number
  readonly p99: number
  readonly rss: number
}

export type SilentJob = { readonly port: number; readonly perSecond: number; readonly seconds: number }
/** How many connected in each second, and in all; `refused` were reset. */
export type SilentResult = {
  readonly perSecond: number
  readonly connected: number
  readonly refused: number
}

/** Clients with a secret during such a flood. */
export type Flooded = SilentResult & {
  readonly inside: number
  readonly lost: number
  /** New clients that connected, and that were relayed. */
  readonly newcomers: number
  readonly served: number
  readonly p99Before: number
  readonly p99During: number
  readonly cpuShare: number
  readonly rssBefore: number
  readonly rssAfter: number
}

export type ScaleResult = { readonly steps: readonly Step[]; readonly flooded: Flooded | null }
