import type { DatacenterStatus, Status } from '../../status.ts'
import { count, duration, ms } from './format.ts'
import { families } from './words.ts'

/** `wrong` needs somebody now, `watch` does not; `gone` and `wait` are about the appliance's silence. */
export type Level = 'well' | 'watch' | 'wrong' | 'gone' | 'wait'
export type Verdict = { level: Level; text: string; more: string }

const silentAfterMs = 60_000
const lagAfterMs = 15_000

/** What somebody woken at night must know first: what is wrong, in one line, or that nothing is. */
export const verdict = (status: Status): Verdict => {
  const wrong = [...alerts(status), ...datacentersDown(status), ...silentNodes(status)]
  const watch = [...partlyDown(status), ...slow(status), ...lagging(status)]
  const lost = losses(status)
  const first = wrong[0] ?? watch[0]
  if (first === undefined)
    return { level: 'well', text: 'All well.', more: sentences([quiet(status), ...lost]) }
  const rest = wrong.length > 0 ? [...wrong.slice(1), ...watch] : watch.slice(1)
  return {
    level: wrong.length > 0 ? 'wrong' : 'watch',
    text: sentence(first),
    more: sentences([...rest, ...lost]),
  }
}

export const activeAlerts = (status: Status) => status.alerts.filter((alert) => alert.clearedAt === null)

const alerts = (status: Status): string[] =>
  activeAlerts(status).map((alert) => alert.summary || `${alert.rule} ${alert.subject}`)

/** A family that no datacenter answers over is a matter of this host's network, not of a datacenter. */
export const missingFamily = (rows: readonly DatacenterStatus[], family: 'ipv4' | 'ipv6'): boolean => {
  const of = (wanted: boolean) => rows.filter((row) => (row.family === family) === wanted)
  const reached = (row: DatacenterStatus) => row.state === 'up' || row.state === 'slow'
  return of(true).length > 0 && of(true).every((row) => row.state === 'down') && of(false).some(reached)
}

export const datacenterName = ({ dc, media }: Pick<DatacenterStatus, 'dc' | 'media'>): string =>
  `DC ${dc >= 10_000 ? `${dc - 10_000} (test)` : Math.abs(dc)}${media ? ' media' : ''}`

/** Rows of the same datacenter: an account lives in one, so they are judged one by one and never averaged. */
const judged = (status: Status): { name: string; rows: DatacenterStatus[] }[] => {
  const rows = status.datacenters.filter((row) => !missingFamily(status.datacenters, row.family))
  return [...Map.groupBy(rows, datacenterName)].map(([name, rows]) => ({ name, rows }))
}

const datacentersDown = (status: Status): string[] => {
  const down = judged(status).filter(({ rows }) => rows.every((row) => row.state === 'down'))
  if (down.length === 0) return []
  const alerted = activeAlerts(status).some((alert) => /^(datacenter|dc)\b.*down/i.test(alert.rule))
  if (alerted) return []
  return [`${list(down.map(({ name }) => name))} ${down.length > 1 ? 'do' : 'does'} not answer`]
}

const partlyDown = (status: Status): string[] =>
  judged(status).flatMap(({ name, rows }) => {
    const down = rows.filter((row) => row.state === 'down')
    if (down.length === 0 || down.length === rows.length) return []
    return [`${name} does not answer over ${list(down.map((row) => families[row.family]))}`]
  })

const slow = (status: Status): string[] =>
  judged(status).flatMap(({ name, rows }) => {
    const slowest = rows.filter((row) => row.state === 'slow')[0]
    return slowest ? [`${name} is slow (${ms(slowest.resPqP50 ?? slowest.resPqMs)})`] : []
  })

const silentNodes = (status: Status): string[] =>
  status.nodes
    .filter((node) => status.at - node.lastSeenAt > silentAfterMs)
    .map((node) => `${node.node} has been silent for ${duration(status.at - node.lastSeenAt)}`)

const lagging = (status: Status): string[] =>
  status.events.lagMs > lagAfterMs ? [`These figures are ${duration(status.events.lagMs)} behind`] : []

const losses = (status: Status): string[] => {
  const lost = Object.values(status.events.lost).reduce((sum, part) => sum + part, 0)
  return lost > 0 ? [`${count(lost)} events were lost: the figures have a hole`] : []
}

const quiet = (status: Status): string => {
  if (status.totals.connections === 0)
    return 'No client has connected yet: open one of the links that npm start printed'
  const known = new Set(status.datacenters.filter((row) => row.state !== 'unknown').map((row) => row.dc))
  const answer = known.size > 1 ? `, all ${known.size} datacenters answer` : ''
  return `${count(status.open.total)} connection${status.open.total === 1 ? '' : 's'} open${answer}`
}

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
const sentences = (texts: readonly string[]): string => texts.map(sentence).join(' ')
