import type { Status } from '../../status.ts'
import { count, ms } from './format.ts'
import type { Piece } from './piece.ts'
import { type Column, table } from './table.ts'

type Stage = keyof Status['latency']
type Row = Status['latency'][Stage] & { stage: Stage }

const stages: Record<Stage, string> = {
  handshake: 'Handshake: from accept to a known user',
  dial: 'Dial: until a datacenter socket is at hand',
  firstByte: 'First byte down: what a client waits for',
  datacenter: 'Datacenter: req_pq_multi to resPQ, probed',
}

const quantile = (which: 'p50' | 'p95' | 'p99'): Column<Row> => ({
  head: which,
  kind: 'number',
  cell: (row) => ms(row[which]),
})

/** The stages of a connection's life, in the order a client goes through them. */
export const latencySection = ({ latency }: Status): Piece[] => {
  const order: Stage[] = ['handshake', 'dial', 'firstByte', 'datacenter']
  return table<Row>(
    'Latency',
    [
      { head: 'Stage', kind: 'head', cell: ({ stage }) => stages[stage] },
      quantile('p50'),
      quantile('p95'),
      quantile('p99'),
      { head: 'Measured', kind: 'number', cell: (row) => count(row.count) },
    ],
    order.map((stage) => ({ stage, ...latency[stage] })).filter((row) => row.count > 0),
    'Nothing has been measured in the last hour.',
  )
}
