import type { Status, Traffic } from '../../read/status.ts'
import { amount, bytes, count, duration, ms, percent, rate } from './format.ts'
import { h, type Piece } from './piece.ts'
import { mode } from './words.ts'

type Column = readonly (number | null)[]

/** The newest value, or null if it is older than three steps and does not show the present. */
export const latest = (column: Column): number | null =>
  column.slice(-3).findLast((value) => value !== null) ?? null

export const dropsLastHour = (status: Status): number =>
  status.closes.reduce((sum, cause) => sum + (cause.drop ? cause.lastHour : 0), 0)

/** The numbers that an operator needs first. */
export const numbersSection = (status: Status): Piece[] => {
  const { series, totals, nodes } = status
  const closed = status.closes.reduce((sum, cause) => sum + cause.lastHour, 0)
  const drops = dropsLastHour(status)
  const loop = Math.max(...nodes.flatMap((node) => node.loops.map((thread) => thread.delayP99Ms)))
  const rss = nodes.length > 0 ? nodes.reduce((sum, node) => sum + node.rssBytes, 0) : null
  const step = `over ${duration(series.stepMs)}`
  return [
    tile('Open connections', count(status.open.total), modes(status)),
    tile('New connections', perSecond(latest(series.accepted)), `${count(totals.connections)} in total`),
    tile('To clients', rate(latest(series.toClient)), step),
    tile('From clients', rate(latest(series.toDatacenter)), step),
    tile('Today', both(totals.today), `${count(totals.today.connections)} connections`),
    tile('This month', both(totals.month), `${count(totals.month.connections)} connections`),
    tile('Drops', count(drops), closed > 0 ? `last hour, ${percent(drops / closed)} of closes` : 'last hour'),
    tile('Event-loop delay p99', ms(loop), 'slowest thread'),
    tile('CPU', percent(mean(nodes.map((node) => node.processCpu))), host(status)),
    tile('Memory (RSS)', bytes(rss), nodes.length > 1 ? `${nodes.length} nodes` : 'of the process'),
  ]
}

const tile = (name: string, value: string, more: string): Piece =>
  h('div', {}, h('dt', {}, name), h('dd', {}, h('b', {}, value), h('span', { class: 'fine' }, more)))

const perSecond = (value: number | null): string => (value === null ? amount(value) : `${amount(value)}/s`)

const both = (traffic: Traffic): string => bytes(traffic.bytesToClient + traffic.bytesToDatacenter)

const mean = (values: readonly number[]): number | null =>
  values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null

const host = ({ nodes }: Status): string => `host ${percent(mean(nodes.map((node) => node.hostCpu)))}`

const modes = ({ open }: Status): string => {
  const parts = Object.entries(open.byMode).filter(([, number]) => number > 0)
  return parts.map(([name, number]) => `${count(number)} ${mode(name)}`).join(' · ') || 'none yet'
}
