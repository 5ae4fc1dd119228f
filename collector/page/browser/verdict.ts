import type { RuleName } from '../../alerts/rules/rules.ts'
import type { AlertStatus, DatacenterStatus, Status } from '../../read/status.ts'
import { count, duration, ms } from './format.ts'
import { families, testDatacenters } from './words.ts'

/** `wrong` needs an operator now, `watch` does not. `gone`: the appliance stopped answering; `wait`: no answer yet. */
export type Level = 'well' | 'watch' | 'wrong' | 'gone' | 'wait'
export type Verdict = { level: Level; text: string; more: string }

const silentAfterMs = 60_000
const lagAfterMs = 15_000

/** The line at the top of the page: the most urgent fault, or that there is none. */
export const verdict = (status: Status): Verdict => {
  const wrong = [...alerts(status, 'critical'), ...datacentersDown(status), ...silentNodes(status)]
  const watch = [...alerts(status, 'warning'), ...partlyDown(status), ...slow(status), ...lagging(status)]
  const lost = losses(status)
  const first = wrong[0] ?? watch[0]
  if (first === undefined)
    return { level: 'well', text: 'No faults.', more: sentences([quiet(status), ...lost]) }
  const rest = wrong.length > 0 ? [...wrong.slice(1), ...watch] : watch.slice(1)
  return {
    level: wrong.length > 0 ? 'wrong' : 'watch',
    text: sentence(first),
    more: sentences([...rest, ...lost]),
  }
}

export const activeAlerts = (status: Status) => status.alerts.filter((alert) => alert.clearedAt === null)

/** The fault; the rest of a summary is the step, which the list of alerts shows. */
export const firstSentence = (summary: string): string => /^.*?[.!?](?=\s|$)/s.exec(summary)?.[0] ?? summary

const alerts = (status: Status, severity: AlertStatus['severity']): string[] =>
  activeAlerts(status)
    .filter((alert) => alert.severity === severity)
    .toSorted((a, b) => a.since - b.since)
    .map((alert) => firstSentence(alert.summary) || `${alert.rule} ${alert.subject}`)

export const datacenterName = ({ dc, media }: Pick<DatacenterStatus, 'dc' | 'media'>): string =>
  `DC ${dc >= testDatacenters ? `${dc - testDatacenters} (test)` : Math.abs(dc)}${media ? ' media' : ''}`

type Judged = { name: string; rows: DatacenterStatus[]; down: DatacenterStatus[] }

/** Rows by datacenter. Each is judged by itself and never averaged, because an account lives in one. */
const judged = ({ datacenters }: Status): Judged[] => {
  const rows = datacenters.filter((row) => row.state !== 'unknown')
  return [...Map.groupBy(rows, datacenterName)].map(([name, rows]) => ({
    name,
    rows,
    down: rows.filter((row) => row.state === 'down'),
  }))
}

/** Whether an active alert covers it. */
const isAlerted = (status: Status, rule: RuleName, { dc, media, family }: DatacenterStatus): boolean => {
  const subject = `dc ${dc}${media ? ' media' : ''} ${family}`
  return activeAlerts(status).some((alert) => alert.rule === rule && alert.subject === subject)
}

const datacentersDown = (status: Status): string[] => {
  const names = judged(status)
    .filter(({ rows, down }) => down.length === rows.length)
    .filter(({ down }) => !down.every((row) => isAlerted(status, 'datacenter-down', row)))
    .map(({ name }) => name)
  return names.length === 0 ? [] : [`${list(names)} ${names.length > 1 ? 'do' : 'does'} not answer`]
}

const partlyDown = (status: Status): string[] =>
  judged(status).flatMap(({ name, rows, down }) => {
    const uncovered = down.filter((row) => !isAlerted(status, 'datacenter-down', row))
    if (uncovered.length === 0 || down.length === rows.length) return []
    return [`${name} does not answer over ${list(uncovered.map((row) => families[row.family]))}`]
  })

const slow = (status: Status): string[] =>
  judged(status).flatMap(({ name, rows }) => {
    const row = rows.find((row) => row.state === 'slow' && !isAlerted(status, 'datacenter-slow', row))
    return row ? [`${name} is slow (${ms(row.resPqP50 ?? row.resPqMs)})`] : []
  })

const silentNodes = (status: Status): string[] =>
  status.nodes
    .filter((node) => status.at - node.lastSeenAt > silentAfterMs)
    .map((node) => `No events from ${node.node} for ${duration(status.at - node.lastSeenAt)}`)

const lagging = (status: Status): string[] =>
  status.events.lagMs > lagAfterMs ? [`These numbers are ${duration(status.events.lagMs)} behind`] : []

const losses = (status: Status): string[] => {
  const lost = Object.values(status.events.lost).reduce((sum, part) => sum + part, 0)
  return lost > 0 ? [`${count(lost)} events were lost: totals are too low`] : []
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
