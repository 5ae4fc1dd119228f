import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../../test/until.ts'
import { type Alert, type Drill, isOf } from './drill.ts'
import { type HostWatch, watchHost } from './host-watch.ts'
import type { Reported, System } from './sink.ts'
import { startWorld, type World } from './world.ts'

export type Outcome = {
  readonly drill: Drill
  /** Seconds from the start of the fault until every alert that must fire had, by system; null if none must, or one did not. */
  readonly detected: Readonly<Record<System, number | null>>
  /** Seconds from the end of the fault until all of them had cleared. */
  readonly cleared: Readonly<Record<System, number | null>>
  readonly missed: readonly string[]
  /** Not cleared within the longest wait after the end of the fault. */
  readonly stuck: readonly string[]
  readonly false: readonly string[]
  /** True alerts that the fault did not cause: other programs used the host. */
  readonly ofHost: readonly string[]
  readonly connections: number
}

/** How long to wait for alerts that come a moment later. */
const settleMs = 8_000

export const nameOf = ({ system, name, subject }: Alert): string =>
  `${system === 'collector' ? 'collector' : 'Prometheus'} ${name}${subject === undefined || subject === '' ? '' : ` (${subject})`}`

/** The longest waits, ms: unscaled windows are up to ten minutes, and some limits are never scaled. */
const longest = (factor: number) => ({
  calm: 60_000 + 300_000 * factor,
  detect: 100_000 + 900_000 * factor,
  clear: 120_000 + 1_500_000 * factor,
})

const seen = (world: World, alert: Alert, up: boolean, since: number): Reported | undefined =>
  world.sink.reported.find((one) => one.up === up && one.at >= since && isOf(alert, one))

/** Resolves when `done` returns true, or after `ms`. */
const within = async (ms: number, done: () => boolean): Promise<void> => {
  await until(done, 'it', ms).catch(() => {})
}

const lastOf = (
  drill: Drill,
  system: System,
  since: number,
  when: (must: Alert) => number | undefined,
): number | null => {
  const times = drill.fires.filter((must) => must.system === system && must.long !== true).map(when)
  if (times.length === 0 || times.some((at) => at === undefined)) return null
  return Math.max(0, (Math.max(...times.map(Number)) - since) / 1000)
}

/** Alerts that fired and belong neither to `fires` nor to `follows`. */
const wrong = (drill: Drill, reported: readonly Reported[]): Reported[] =>
  reported.filter(
    (one) => one.up && ![...drill.fires, ...(drill.follows ?? [])].some((alert) => isOf(alert, one)),
  )

const judge = (
  drill: Drill,
  world: World,
  host: HostWatch,
  struckAt: number,
  endedAt: number,
): Omit<Outcome, 'connections'> => {
  const firedAt = (must: Alert): number | undefined => seen(world, must, true, struckAt)?.at
  const up = world.sink.active()
  const clearedAt = (must: Alert): number | undefined => {
    if (up.some((one) => isOf(must, one))) return undefined
    return world.sink.reported.findLast((one) => !one.up && isOf(must, one))?.at
  }
  const unexpected = wrong(drill, world.sink.reported)
  const isOfHost = ({ name, at }: Reported): boolean => host.explains(name, at)
  const of = (when: (must: Alert) => number | undefined, since: number) =>
    ({
      collector: lastOf(drill, 'collector', since, when),
      prometheus: lastOf(drill, 'prometheus', since, when),
    }) as const
  return {
    drill,
    detected: of(firedAt, struckAt),
    cleared: of(clearedAt, endedAt),
    missed: drill.fires.filter((must) => firedAt(must) === undefined).map(nameOf),
    stuck: drill.fires.filter((must) => must.long !== true && up.some((one) => isOf(must, one))).map(nameOf),
    false: unexpected.filter((one) => !isOfHost(one)).map(nameOf),
    ofHost: unexpected.filter(isOfHost).map(nameOf),
  }
}

/** Runs one drill in a fleet of its own; `logger` gets a line for each step and alert. */
export const runDrill = async (
  drill: Drill,
  options: {
    readonly factor: number
    readonly logger: (line: string) => void
    /** Replaces the drill's own seconds without a fault. */
    readonly quietSeconds?: number
  },
): Promise<Outcome> => {
  const { factor, logger, quietSeconds = drill.quietSeconds ?? 15 } = options
  const waits = longest(factor)
  using host = watchHost(factor)
  await using world = await startWorld({
    factor,
    backup: drill.backup ?? false,
    env: drill.env ?? {},
    middleProxies: drill.middleProxies ?? false,
  })
  const { sink } = world
  const follow = setInterval(() => {
    while (printed < sink.reported.length) {
      const one = sink.reported[printed++]!
      logger(`${one.up ? 'raised ' : 'cleared'} ${nameOf(one)}`)
    }
  }, 200)
  let printed = 0
  using _ = { [Symbol.dispose]: () => clearInterval(follow) }
  // Time itself: the rules need a baseline.
  await wait(quietSeconds * 1_000)
  // An alert of a busy host may stay, unless the fault must raise it.
  const stays = (one: Reported): boolean =>
    host.explains(one.name, one.at) && !drill.fires.some((must) => isOf(must, one))
  await within(waits.calm, () => sink.active().every(stays))
  logger('fault begins')
  const struckAt = performance.now()
  const repair = await drill.strike(world)
  let endedAt = performance.now()
  const fired = (): boolean => drill.fires.every((must) => seen(world, must, true, struckAt) !== undefined)
  try {
    if (drill.fires.length > 0) await within(waits.detect, fired)
    await wait((drill.watch ?? (drill.fires.length > 0 ? 0 : 30)) * 1_000)
    await wait(settleMs)
  } finally {
    if (repair !== null) {
      await repair()
      endedAt = performance.now()
      logger('fault ends')
    }
  }
  const over = (): boolean => {
    const up = sink.active()
    return !drill.fires.some((must) => must.long !== true && up.some((one) => isOf(must, one)))
  }
  await within(waits.clear, over)
  await wait(settleMs)
  return { ...judge(drill, world, host, struckAt, endedAt), connections: world.traffic.completed }
}

/** Whether no alert was missed, false or left raised. */
export const isGood = ({ missed, stuck, false: wrongly }: Outcome): boolean =>
  missed.length + stuck.length + wrongly.length === 0
