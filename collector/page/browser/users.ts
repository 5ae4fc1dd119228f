import type { Status, Traffic } from '../../read/status.ts'
import { ago, bytes, count } from './format.ts'
import { h, type Piece } from './piece.ts'
import { type Column, table } from './table.ts'

const usersShown = 200

const sum = (traffic: Traffic): number => traffic.bytesToClient + traffic.bytesToDatacenter

const traffic = (
  head: string,
  of: (user: Status['users'][number]) => Traffic,
): Column<Status['users'][number]> => ({
  head,
  kind: 'number',
  cell: (user) => [
    bytes(sum(of(user))),
    h('span', { class: 'fine' }, `${count(of(user).connections)} conn.`),
  ],
})

/** Traffic of each user, the busiest today first. */
export const usersSection = ({ users, at }: Status): Piece[] => {
  const rows = users.toSorted((a, b) => sum(b.today) - sum(a.today) || sum(b.total) - sum(a.total))
  return [
    ...table(
      'Traffic of users',
      [
        { head: 'User', kind: 'head', cell: ({ user }) => h('bdi', {}, user) },
        { head: 'Open', kind: 'number', cell: ({ open }) => count(open) },
        traffic('Today', (user) => user.today),
        traffic('This month', (user) => user.month),
        traffic('Total', (user) => user.total),
        {
          head: 'Last seen',
          kind: 'number',
          cell: (user) => (user.open > 0 ? 'now' : ago(user.lastSeenAt, at)),
        },
      ],
      rows.slice(0, usersShown),
      'No client has connected yet: open one of the links that npm start printed.',
    ),
    ...(rows.length > usersShown
      ? [h('p', { class: 'fine' }, `And ${count(rows.length - usersShown)} more.`)]
      : []),
  ]
}
