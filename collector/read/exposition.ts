import { answerTimes } from '../../proxy/events/outcome.ts'
import {
  deadLetterKey,
  deadLetterReasons,
  foldKeys,
  lostBy,
  replacedKey,
  replacedReasons,
} from '../fold/fold.ts'
import { connectionKeys as c, stages } from '../fold/projections/connections.ts'
import { processKeys as p } from '../fold/projections/processes.ts'
import { rejectionKeys as r } from '../fold/projections/rejections.ts'
import { bucketOf } from '../fold/retention.ts'
import type { Reading } from '../fold/state.ts'
import { type Metric, metrics as m } from './metrics.ts'
import { nodesOf, type Open, openOf } from './nodes.ts'
import {
  contentTypes,
  type Format,
  formatFor,
  histogramText,
  type Sample,
  samplesText,
} from './openmetrics.ts'
import type { Traffic } from './status.ts'
import { everWith, trafficOf } from './status-builder.ts'
import { createUserLabels, otherUsers } from './user-labels.ts'

export type Exposed = { readonly contentType: string; readonly body: string }

/** What an exposition needs apart from the state. */
export type Context = {
  /** Epoch ms. */
  readonly now: number
  /** The label `fleet`. Every collector of a fleet exports the same state, so that queries count each fleet once. */
  readonly fleet: string
  readonly lagMs: number
  readonly repeated: number
  /** False while the state may be older than an earlier scrape: its counters are left out, because a dip is a reset. */
  readonly settled?: boolean
  readonly active: readonly { readonly rule: string; readonly subject: string }[]
  readonly raisedTotal: ReadonlyMap<string, number>
  /** Only of a collector in a fleet. */
  readonly fleetwork?: Fleetwork
  /** The state has not been read yet: for Prometheus a counter of 0 and then a million would be an increase. */
  readonly blank?: boolean
}

/** Numbers of one collector of a fleet about itself. */
export type Fleetwork = {
  /** Messages not folded yet, by partition. */
  readonly behind: ReadonlyMap<number, number>
  /** Share of all messages; null until Kafka has returned their number. */
  readonly foldedRatio: number | null
  readonly held: number
  readonly commits: number
  readonly stale: number
  readonly replaced: number
  /** Amounts for which Redis had no place. */
  readonly refused: number
  readonly mirrorAgeMs: number
  readonly up: { readonly kafka: boolean; readonly redis: boolean }
  readonly failing: { readonly kafka: string | null; readonly redis: string | null }
  /** Refused requests by reason; null in the process of a proxy, which has the server. */
  readonly httpRefusals: Readonly<Record<string, number>> | null
}

const one = (value: number): Sample[] => [{ labels: [], value }]

const both = (traffic: Traffic, ...labels: string[]): Sample[] => [
  { labels: [...labels, 'to-client'], value: traffic.bytesToClient },
  { labels: [...labels, 'to-datacenter'], value: traffic.bytesToDatacenter },
]

const sumOf = (traffics: readonly Traffic[]): Traffic => ({
  connections: traffics.reduce((sum, traffic) => sum + traffic.connections, 0),
  bytesToClient: traffics.reduce((sum, traffic) => sum + traffic.bytesToClient, 0),
  bytesToDatacenter: traffics.reduce((sum, traffic) => sum + traffic.bytesToDatacenter, 0),
})

type Reported = readonly [Metric, readonly Sample[]]

const ofUsers = (
  state: Reading,
  labels: ReadonlyMap<string, string[]>,
  open: Open,
  now: number,
): Reported[] => {
  const each = (make: (label: string, users: readonly string[]) => Sample[]): Sample[] =>
    [...labels].flatMap(([label, users]) => make(label, users))
  const traffic = (span: 'ever' | 'month' | 'day', users: readonly string[]): Traffic =>
    sumOf(users.map((user) => trafficOf(state, span, now, user)))
  const openOfAll = (users: readonly string[]): number =>
    users.reduce((sum, user) => sum + (open.byUser.get(user) ?? 0), 0)
  return [
    [m.userOpen, each((user, all) => [{ labels: [user], value: openOfAll(all) }])],
    [m.userSessions, each((user, all) => [{ labels: [user], value: traffic('ever', all).connections }])],
    [m.userBytes, each((user, all) => both(traffic('ever', all), user))],
    [m.userDayBytes, each((user, all) => both(traffic('day', all), user))],
    [m.userMonthBytes, each((user, all) => both(traffic('month', all), user))],
    [m.userRefused, refusedOf(state, labels)],
    [m.userLabelsCapped, one(labels.get(otherUsers)?.length ?? 0)],
  ]
}

/** By user and reason; users that share a label are summed. */
const refusedOf = (state: Reading, labels: ReadonlyMap<string, string[]>): Sample[] => {
  const labelOf = new Map([...labels].flatMap(([label, users]) => users.map((user) => [user, label])))
  const sums = new Map<string, Sample>()
  for (const [key, n] of everWith(state, r.rejectedOf(''))) {
    const [reason = '', ...name] = key.split('/')
    const label = labelOf.get(name.join('/')) ?? otherUsers
    const of = `${reason}/${label}`
    sums.set(of, { labels: [label, reason], value: n + (sums.get(of)?.value ?? 0) })
  }
  return [...sums.values()]
}

const dropWindowMs = 5 * 60_000

const ofSessions = (state: Reading, now: number): Reported[] => {
  const ever = (key: string): number => state.count('ever', 0, key)
  const recent = (key: string): number =>
    state.sum('tick', bucketOf('tick', now - dropWindowMs) + 1, bucketOf('tick', now), key)
  const drops = everWith(state, c.dropsOn(''))
  return [
    [m.sessions, stages.map((stage) => ({ labels: [stage], value: ever(c.stage(stage)) }))],
    [
      m.sessionsAnswered,
      answerTimes.map((within) => ({ labels: [within], value: ever(c.answered(within)) })),
    ],
    [m.sessionsDropped, drops.map(([dc, value]) => ({ labels: [dc], value }))],
    [
      m.dropRatio,
      drops.flatMap(([dc]) => {
        const ended = recent(c.endedOn(dc))
        return ended === 0 ? [] : [{ labels: [dc], value: recent(c.dropsOn(dc)) / ended }]
      }),
    ],
  ]
}

const ofCalendar = (state: Reading, now: number): Reported[] => {
  const [ever, month, day] = (['ever', 'month', 'day'] as const).map((span) => trafficOf(state, span, now))
  return [
    [m.lifetimeSessions, one(ever!.connections)],
    [m.lifetimeBytes, both(ever!)],
    [m.daySessions, one(day!.connections)],
    [m.dayBytes, both(day!)],
    [m.monthSessions, one(month!.connections)],
    [m.monthBytes, both(month!)],
  ]
}

/** `unexplained` is exported as 0, too: for Prometheus a counter that begins at 500 has not increased. */
const lostOf = (state: Reading): Sample[] =>
  Object.entries({ unexplained: 0, ...lostBy(state) }).map(([reason, value]) => ({
    labels: [reason],
    value,
  }))

const ofPipeline = (state: Reading, { now, lagMs, repeated, fleetwork }: Context): Reported[] => {
  const nodes = nodesOf(state, now)
  return [
    [m.nodesAlive, one(nodes.filter((node) => node.alive).length)],
    [m.nodeLastSeen, nodes.map(({ node, lastSeenAt }) => ({ labels: [node], value: lastSeenAt / 1000 }))],
    [m.folded, one(state.count('ever', 0, p.events))],
    [m.repeated, one(repeated)],
    [m.refused, one(state.count('ever', 0, foldKeys.refused))],
    [m.redated, one(state.count('ever', 0, foldKeys.redated))],
    [m.lost, lostOf(state)],
    [m.lag, one(lagMs / 1000)],
    ...(fleetwork === undefined
      ? []
      : [[m.deadLetters, deadLettersOf(state)] as const, [m.topicReplaced, replacedOf(state)] as const]),
    [m.stateEntries, one(state.entries())],
    [m.stateRefused, one(fleetwork?.refused ?? state.refused)],
  ]
}

const ofFleet = (work: Fleetwork | undefined): Reported[] =>
  work === undefined
    ? []
    : [
        [
          m.partitionLag,
          [...work.behind].map(([partition, value]) => ({ labels: [String(partition)], value })),
        ],
        [m.foldedRatio, work.foldedRatio === null ? [] : one(work.foldedRatio)],
        [m.stateReplaced, one(work.replaced)],
        [m.partitionsHeld, one(work.held)],
        [m.commits, one(work.commits)],
        [m.staleCommits, one(work.stale)],
        [m.mirrorAge, one(work.mirrorAgeMs / 1000)],
        [
          m.serviceFailing,
          Object.entries(work.failing).map(([service, reason]) => ({
            labels: [service, reason ?? 'none'],
            value: Number(reason !== null),
          })),
        ],
        [
          m.httpRefusals,
          Object.entries(work.httpRefusals ?? {}).map(([reason, value]) => ({ labels: [reason], value })),
        ],
        [
          m.serviceUp,
          (['kafka', 'redis'] as const).map((name) => ({ labels: [name], value: Number(work.up[name]) })),
        ],
      ]

const deadLettersOf = (state: Reading): Sample[] =>
  deadLetterReasons.map((reason) => ({
    labels: [reason],
    value: state.count('ever', 0, deadLetterKey(reason)),
  }))

const replacedOf = (state: Reading): Sample[] =>
  replacedReasons.map((why) => ({ labels: [why], value: state.count('ever', 0, replacedKey(why)) }))

const ofAlerts = ({ active, raisedTotal }: Context): Reported[] => [
  [m.alertActive, active.map(({ rule, subject }) => ({ labels: [rule, subject], value: 1 }))],
  [m.alertsRaised, [...raisedTotal].map(([rule, value]) => ({ labels: [rule], value }))],
]

const lifetimes = (state: Reading, format: Format, fleet: string): string =>
  histogramText(
    m.sessionSeconds,
    {
      counts: c.lifetime.map((key) => state.count('ever', 0, key)),
      sum: state.count('ever', 0, c.lifetimeMs) / 1000,
    },
    format,
    fleet,
  )

/** Counters that fall when the state is set back. */
const setBack: ReadonlySet<Metric> = new Set([
  m.alertsRaised,
  m.sessions,
  m.sessionsAnswered,
  m.sessionsDropped,
  m.lifetimeSessions,
  m.lifetimeBytes,
  m.userSessions,
  m.userBytes,
  m.userRefused,
  m.folded,
  m.refused,
  m.redated,
  m.lost,
  m.deadLetters,
  m.topicReplaced,
])

/** Writes `/metrics`: OpenMetrics if `accept` asks for it, else Prometheus' text format 0.0.4. */
export const createExposition = (mostUsers?: number) => {
  const labelsOf = createUserLabels(mostUsers)
  return (state: Reading, context: Context, accept?: string): Exposed => {
    const format = formatFor(accept)
    const { now, fleet, settled = true } = context
    const ofState = (): Reported[] => [
      ...ofAlerts(context),
      ...ofSessions(state, now),
      ...ofCalendar(state, now),
      ...ofUsers(state, labelsOf(state), openOf(state, nodesOf(state, now)), now),
      ...ofPipeline(state, context),
    ]
    const reported = [...(context.blank ? [] : ofState()), ...ofFleet(context.fleetwork)].filter(
      ([metric]) => settled || !setBack.has(metric),
    )
    const body =
      reported.map(([metric, samples]) => samplesText(metric, samples, format, fleet)).join('') +
      (context.blank || !settled ? '' : lifetimes(state, format, fleet))
    return {
      contentType: contentTypes[format],
      body: format === 'openmetrics' ? `${body}# EOF\n` : body,
    }
  }
}
