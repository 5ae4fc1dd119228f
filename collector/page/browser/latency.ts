import type { Status } from '../../read/status.ts'
import { count, ms } from './format.ts'
import { h, type Piece } from './piece.ts'
import { type Column, table } from './table.ts'

type Stage = keyof Status['latency']
type Row = Status['latency'][Stage] & { stage: Stage }

const stages: Record<Stage, { name: string; what: string }> = {
  client: { name: 'Client network', what: 'round trip to clients that move bytes, by the kernel' },
  handshake: { name: 'Handshake', what: 'from accept to an authenticated user' },
  dial: { name: 'Dial', what: 'until a datacenter connection is open' },
  firstByte: { name: 'First byte', what: 'from the first request to the first byte of the answer' },
  datacenter: { name: 'Datacenter', what: 'from req_pq_multi to resPQ, by probes' },
}

const quantile = (which: 'p50' | 'p95' | 'p99'): Column<Row> => ({
  head: which,
  kind: 'number',
  cell: (row) => ms(row[which]),
})

/** The latency of each stage of a connection, in order. */
export const latencySection = ({ latency }: Status): Piece[] => {
  const order: Stage[] = ['client', 'handshake', 'dial', 'firstByte', 'datacenter']
  return table<Row>(
    'Latency',
    [
      {
        head: 'Stage',
        kind: 'head',
        cell: ({ stage }) => [stages[stage].name, h('span', { class: 'fine' }, stages[stage].what)],
      },
      quantile('p50'),
      quantile('p95'),
      quantile('p99'),
      { head: 'Count', kind: 'number', cell: (row) => count(row.count) },
    ],
    order.map((stage) => ({ stage, ...latency[stage] })).filter((row) => row.count > 0),
    'Nothing has been measured in the last hour.',
  )
}
