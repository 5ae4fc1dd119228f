import type { Series, Status } from '../../read/status.ts'
import { type Chart, type Column, chart, type Drawing } from './chart.ts'
import { amount, bytes, clock, count, ms, percent, rate } from './format.ts'

/** Of a column of rates a second: how many came in the minute that ends here. Few things a tick are no steady rate. */
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
    empty: 'No byte has been relayed yet.',
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
    'First byte down',
    (series) => series.firstByteP50,
    (series) => series.firstByteP99,
    'No first byte has come down yet.',
  ),
  {
    title: 'CPU',
    lines: [
      { name: 'process', of: (series) => series.processCpu },
      { name: 'host', of: (series) => series.hostCpu },
    ],
    show: percent,
    empty: 'No sample of the process has come in yet.',
    full: 0.1,
  },
  {
    title: 'Event loop delay',
    lines: [{ name: 'p99', of: (series) => series.loopP99Ms }],
    show: ms,
    empty: 'No sample of the process has come in yet.',
  },
  {
    title: 'Memory (RSS)',
    lines: [{ name: 'process', of: (series) => series.rssBytes }],
    show: bytes,
    empty: 'No sample of the process has come in yet.',
  },
]

const leastMs = 5 * 60_000

/** From where on something is known, but at least five minutes: a new appliance's hour is mostly empty. */
const start = (series: Series): number => {
  const first = series.at.findIndex((_, index) =>
    drawings.some((drawing) => drawing.lines.some((line) => (line.of(series)[index] ?? null) !== null)),
  )
  const end = series.at.at(-1) ?? 0
  return Math.min(series.at[first] ?? end, end - leastMs)
}

/** All charts, in `parent`; `aside` tells the time under the pointer. */
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
