import type { Config } from '../config/config.ts'
import type { verdicts } from '../telemetry/catalogue/finding-catalogue.ts'
import type { LinkAddress } from '../users/public-address.ts'

export const areas = [
  'settings',
  'clock',
  'datacenters',
  'upstreams',
  'middle-proxies',
  'masking',
  'listener',
  'descriptors',
  'host',
  'container',
  'users',
  'kafka',
  'redis',
  'disk',
  'runtime',
] as const
export type Area = (typeof areas)[number]

export type Verdict = (typeof verdicts)[number]

/** One line of the doctor: a verdict, a sentence, and what to do. */
export type Finding = {
  /** Area and check, as in `clock.offset`; the same in every run. */
  readonly id: `${Area}.${string}`
  readonly verdict: Verdict
  /** One sentence: the state and its meaning. */
  readonly states: string
  /** What to do, as an imperative with the setting and its value. Null when there is nothing to do. */
  readonly advice: string | null
  readonly numbers: Readonly<Record<string, number>>
  /** Printed with --all and --json only. */
  readonly detail: boolean
}

export const areaOf = ({ id }: Finding): string => id.slice(0, id.indexOf('.'))

export const finding = (
  id: Finding['id'],
  verdict: Verdict,
  states: string,
  more: {
    readonly advice?: string | null
    readonly numbers?: Finding['numbers']
    readonly detail?: boolean
  } = {},
): Finding => ({
  id,
  verdict,
  states,
  advice: more.advice ?? null,
  numbers: more.numbers ?? {},
  detail: more.detail ?? false,
})

/** A running proxy with these settings, as read from its /metrics. */
export type Live = {
  readonly openFds: number
  readonly maxFds: number
  readonly connections: number
  /** NODE_NAME, where its /metrics has it. */
  readonly node?: string
  /** Whether its own doctor found it listening on its port, where its /metrics has that. */
  readonly listens?: boolean
}

/** The input of a check. */
export type About = {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  /** The address in the links; determined at the first call. */
  readonly address: () => Promise<LinkAddress>
  /** Epoch, ms. */
  readonly now: () => number
  /** Aborted when the examination ends. */
  readonly signal: AbortSignal
  /** Null when no proxy runs. */
  readonly live: Live | null
}

export type Check = (about: About) => readonly Finding[] | Promise<readonly Finding[]>

/** The code of a system error, or the first line of the message. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && typeof error.code === 'string') return error.code
  return (error.message.split('\n', 1)[0] ?? '').slice(0, 120)
}
