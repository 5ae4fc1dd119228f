import type { Series, Status } from '../../read/status.ts'
import { type Chart, type Column, chart, type Drawing } from './chart.ts'
import { amount, bytes, clock, count, ms, percent, rate } from './format.ts'

/** Turns rates a second into counts over the last minute: a few events a tick do not make a steady rate. */
const perMinute = (column: Column, { stepMs }: Series): Column => {
  const steps = Math.max(1, Math.round(60_000 / stepMs))
  return column.map((value, at) => {
    if (value === null) return null
    const minute = column.slice(Math.max(0, at + 1 - steps), at + 1).filter((one) => one !== null)
    return (60 * minute.reduce((sum, one) => sum + one, 0)) / minute.length
  })
}

const latency = (title: string, p50: ColumnOf, p99: ColumnOf, empty: string): Drawing<Series> => ({
  title,
  lines: [
    { name: 'p50', of: p50 },
    { name: 'p99', of: p99 },
  ],
  show: ms,
  empty,
})
type ColumnOf = (series: Series) => Column

const drawings: readonly Drawing<Series>[] = [
  {
    title: 'Open connections',
    lines: [{ name: 'open', of: (series) => series.open }],
    show: count,
    empty: 'No client has connected yet.',
    whole: true,
  },
  {
    title: 'Connections a minute',
    lines: [
      { name: 'new', of: (series) => perMinute(series.accepted, series) },
      { name: 'rejected', of: (series) => perMinute(series.rejected, series) },
      { name: 'drops', of: (series) => perMinute(series.drops, series) },
    ],
    show: amount,
    whole: true,
    empty: 'No client has connected yet.',
  },
  {
    title: 'Throughput',
    lines: [
      { name: 'to clients', of: (series) => series.toClient },
      { name: 'from clients', of: (series) => series.toDatacenter },
    ],
    show: rate,
    empty: 'No bytes have been relayed yet.',
    full: 1000,
  },
  latency(
    'Handshake',
    (series) => series.handshakeP50,
    (series) => series.handshakeP99,
    'No handshake has been accepted yet.',
  ),
  latency(
    'Dial to datacenter',
    (series) => series.dialP50,
    (series) => series.dialP99,
    'No datacenter has been dialed yet.',
  ),
  latency(
    'First byte',
    (series) => series.firstByteP50,
    (series) => series.firstByteP99,
    'No answer has arrived yet.',
  ),
  {
    title: 'CPU',
    lines: [
      { name: 'process', of: (series) => series.processCpu },
      { name: 'host', of: (series) => series.hostCpu },
    ],
    show: percent,
    empty: 'No process sample yet.',
    full: 0.1,
  },
  {
    title: 'Event loop delay',
    lines: [{ name: 'p99', of: (series) => series.loopP99Ms }],
    show: ms,
    empty: 'No process sample yet.',
  },
  {
    title: 'Memory (RSS)',
    lines: [{ name: 'process', of: (series) => series.rssBytes }],
    show: bytes,
    empty: 'No process sample yet.',
  },
]

const leastMs = 5 * 60_000

/** Where the charts begin: at the first value, but at least five minutes ago. The hour of a new appliance is mostly empty. */
const start = (series: Series): number => {
  const first = series.at.findIndex((_, index) =>
    drawings.some((drawing) => drawing.lines.some((line) => (line.of(series)[index] ?? null) !== null)),
  )
  const end = series.at.at(-1) ?? 0
  return Math.min(series.at[first] ?? end, end - leastMs)
}

/** Every chart, in `parent`; `aside` shows the time under the pointer. */
export const charts = (
  parent: Element,
  aside: Element,
): { draw: (status: Status) => void; recolour: () => void } => {
  const hovered = (at: number | null): void => {
    aside.textContent = at === null ? '' : `at ${clock(at)}`
  }
  const all: Chart<Series>[] = drawings.map((drawing) =>
    chart(parent.appendChild(document.createElement('figure')), drawing, hovered),
  )
  return {
    draw: ({ series }) => {
      const from = start(series)
      for (const one of all) one.draw(series, series.at, from)
    },
    recolour: () => {
      for (const one of all) one.recolour()
    },
  }
}
