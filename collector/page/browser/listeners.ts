import type { Status } from '../../read/status.ts'
import { count } from './format.ts'

import { h, type Piece } from './piece.ts'
import { table } from './table.ts'

/** Connections by listener; nothing where LISTEN is not set. */
export const listenersSection = ({ listeners }: Status): Piece[] =>
  listeners.length === 0
    ? []
    : [
        h('h3', {}, 'Listeners'),
        ...table(
          'Listeners',
          [
            { head: 'Listener', kind: 'head', cell: ({ name }) => h('bdi', {}, name) },
            { head: 'Open', kind: 'number', cell: ({ open }) => count(open) },
            { head: 'Accepted', kind: 'number', cell: ({ accepted }) => count(accepted) },
          ],
          listeners,
          '',
        ),
      ]
