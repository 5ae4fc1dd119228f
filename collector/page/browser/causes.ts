import type { Status } from '../../read/status.ts'
import { count } from './format.ts'
import { h, type Piece } from './piece.ts'
import { bar, mark, table } from './table.ts'
import { close, header, limit, rejections, side } from './words.ts'

type Counted = { total: number; lastHour: number }
const oftenFirst = (a: Counted, b: Counted) => b.lastHour - a.lastHour || b.total - a.total
const largest = (rows: readonly Counted[]) => Math.max(0, ...rows.map((row) => row.lastHour))

/** Closes by side, phase and reason. Drops are marked, because users notice them. */
export const closesSection = ({ closes }: Status): Piece[] => {
  const rows = closes.toSorted(oftenFirst)
  const most = largest(rows)
  return table(
    'Close causes',
    [
      {
        head: 'Cause',
        kind: 'head',
        cell: ({ by, phase, reason, drop }) => {
          const { title, advice } = close(by, phase, reason)
          return [
            h('span', { class: 'cause' }, title, drop ? ' ' : null, drop ? mark('drop', 'drop') : null),
            h(
              'span',
              { class: 'fine' },
              h('code', {}, `${side(by, phase)} ${phase} ${reason}`),
              advice && ` · ${advice}`,
            ),
          ]
        },
      },
      {
        head: 'Last hour',
        kind: 'number',
        cell: (row) => [count(row.lastHour), bar(row.lastHour, most, row.drop ? 'bad' : '')],
      },
      { head: 'Total', kind: 'number', cell: (row) => count(row.total) },
    ],
    rows,
    'No connection has closed yet.',
  )
}

/** Rejected handshakes by reason, and connections refused at a limit. */
export const rejectionsSection = (status: Status): Piece[] => {
  const rows = status.rejections.toSorted(oftenFirst)
  const most = largest(rows)
  const headers = Object.entries(status.headers).filter(([, number]) => number > 0)
  const refused = Object.entries(status.limits).filter(([, number]) => number > 0)
  return [
    ...table(
      'Rejected handshakes',
      [
        {
          head: 'Reason',
          kind: 'head',
          cell: ({ reason }) => [
            h('span', { class: 'cause' }, reason),
            h('span', { class: 'fine' }, rejections[reason] ?? ''),
          ],
        },
        {
          head: 'Last hour',
          kind: 'number',
          cell: (row) => [count(row.lastHour), bar(row.lastHour, most)],
        },
        { head: 'Total', kind: 'number', cell: (row) => count(row.total) },
      ],
      rows,
      'No handshake has been rejected yet.',
    ),
    h(
      'p',
      { class: 'fine' },
      `${count(status.fronted)} fronted to the masking host · ${count(status.replaysRefused)} replays refused`,
      ...refused.map(([name, number]) => ` · ${count(number)} refused at the limit of ${limit(name)}`),
      ...headers.map(([name, number]) => ` · ${count(number)} closed: ${header(name)}`),
    ),
  ]
}
