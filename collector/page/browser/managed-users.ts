import type { Status } from '../../read/status.ts'
import type { ApiUser } from './api-types.ts'
import { ago, bytes, count } from './format.ts'
import { h, type Piece } from './piece.ts'
import { type Column, mark, table } from './table.ts'
import { limitItems } from './user-limits.ts'
import { rejections } from './words.ts'

type Traffic = Status['users'][number]
type Row = { readonly user: ApiUser; readonly traffic: Traffic | undefined }

export type Managed = {
  readonly users: readonly ApiUser[]
  /** Also those that are not shown. */
  readonly total: number
}

const bytesOf = (head: string, of: (traffic: Traffic) => Traffic['today']): Column<Row> => ({
  head,
  kind: 'number',
  cell: ({ traffic }) => {
    if (traffic === undefined) return '–'
    const { connections, bytesToClient, bytesToDatacenter } = of(traffic)
    return [
      bytes(bytesToClient + bytesToDatacenter),
      h('span', { class: 'fine' }, `${count(connections)} conn.`),
    ]
  },
})

const nameOf = ({ name, enabled, source }: ApiUser): Piece[] => [
  h('bdi', {}, name),
  ...(enabled ? [] : [mark('off', 'disabled')]),
  ...(source === 'setting' ? [h('span', { class: 'fine' }, 'of the settings')] : []),
]

/** The most frequent reason first. */
const refusedOf = ({ traffic }: Row): Piece[] | string => {
  const refused = Object.entries(traffic?.refusedToday ?? {}).filter(([, n]) => n > 0)
  if (refused.length === 0) return '–'
  const items = refused
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, n]) => {
      const meaning = rejections[reason as keyof typeof rejections]
      return h('li', meaning === undefined ? {} : { title: meaning }, `${reason} ${count(n)}`)
    })
  return [h('ul', { class: 'limits' }, ...items)]
}

const button = (action: string, user: string, label: string): Piece =>
  h(
    'button',
    { type: 'button', 'data-action': action, 'data-user': user, 'aria-label': `${label} ${user}` },
    label,
  )

const buttons = ({ name, enabled, source }: ApiUser): Piece =>
  h(
    'div',
    { class: 'actions' },
    button('links', name, 'Links'),
    ...(source === 'setting'
      ? []
      : [
          button('limits', name, 'Limits'),
          button('rotate', name, 'Rotate'),
          enabled ? button('disable', name, 'Disable') : button('enable', name, 'Enable'),
          button('remove', name, 'Remove'),
        ]),
  )

/** Users with their limits and what can be done with them. The table is in the order of the API, so that no row moves. */
export const managedSection = (status: Status, { users, total }: Managed): Piece[] => {
  const traffic = new Map(status.users.map((user) => [user.user, user]))
  const rows = users.map((user) => ({ user, traffic: traffic.get(user.name) }))
  const columns: Column<Row>[] = [
    { head: 'User', kind: 'head', cell: ({ user }) => nameOf(user) },
    { head: 'Open', kind: 'number', cell: ({ traffic }) => count(traffic?.open ?? 0) },
    bytesOf('Today', ({ today }) => today),
    bytesOf('This month', ({ month }) => month),
    {
      head: 'Limits',
      cell: ({ user, traffic }) => {
        const items = limitItems(user, traffic, status.at)
        return items.length === 0 ? '–' : h('ul', { class: 'limits' }, ...items)
      },
    },
    {
      head: 'Last seen',
      kind: 'number',
      cell: ({ traffic }) => {
        if (traffic === undefined) return 'never'
        return traffic.open > 0 ? 'now' : ago(traffic.lastSeenAt, status.at)
      },
    },
    { head: 'Refused today', cell: refusedOf },
    { head: 'Actions', cell: ({ user }) => buttons(user) },
  ]
  return [
    ...table('Users and limits', columns, rows, 'No user has this text in its name.'),
    ...(total > users.length
      ? [h('p', { class: 'fine' }, `And ${count(total - users.length)} more: find them by name.`)]
      : []),
  ]
}
