import type { Config } from '../config/config.ts'
import type { verdicts } from '../telemetry/catalogue/finding-catalogue.ts'
import type { LinkAddress } from '../users/public-address.ts'

export const areas = [
  'settings',
  'clock',
  'datacenters',
  'masking',
  'listener',
  'descriptors',
  'host',
  'container',
  'kafka',
  'redis',
  'disk',
  'runtime',
] as const
export type Area = (typeof areas)[number]

export type Verdict = (typeof verdicts)[number]

/** What the doctor says about one thing. */
export type Finding = {
  /** Area and check, as `clock.offset`: the same in every run. */
  readonly id: `${Area}.${string}`
  readonly verdict: Verdict
  readonly states: string
  /** What to do: the setting and its value. Null when nothing is. */
  readonly advice: string | null
  readonly numbers: Readonly<Record<string, number>>
  /** Told with --all and --json only. */
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

/** A running proxy with these settings, as its own /metrics tells of it. */
export type Live = {
  readonly openFds: number
  readonly maxFds: number
  readonly connections: number
  /** Its name, where it is told. */
  readonly node?: string
  /** Whether its own doctor saw it listen on its port, where it is told. */
  readonly listens?: boolean
}

/** What a check gets. */
export type About = {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  /** What stands in the links; found when it is first asked for. */
  readonly address: () => Promise<LinkAddress>
  /** Epoch, ms. */
  readonly now: () => number
  /** Aborted when the time of the whole examination is over. */
  readonly signal: AbortSignal
  /** Null when none runs. */
  readonly live: Live | null
}

export type Check = (about: About) => readonly Finding[] | Promise<readonly Finding[]>

/** The worst verdict; `unknown` is no illness. */
export const worst = (findings: readonly Finding[]): Verdict =>
  (['fail', 'warn', 'note'] as const).find((verdict) => findings.some((one) => one.verdict === verdict)) ??
  'ok'

/** A reason in a few plain words: the code of a system error, or the first line of its message. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && typeof error.code === 'string') return error.code
  return (error.message.split('\n', 1)[0] ?? '').slice(0, 120)
}
