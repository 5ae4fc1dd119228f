import type { Status, UpstreamStatus } from '../../read/status.ts'
import { ago, count } from './format.ts'
import { h, type Piece } from './piece.ts'
import { mark, table } from './table.ts'
import { dialError } from './words.ts'

/** The ways from each node to the datacenters; nothing with UPSTREAMS=direct. */
export const upstreamsSection = ({ upstreams, at }: Status): Piece[] =>
  upstreams.length === 0
    ? []
    : [
        h('h3', {}, 'Upstreams'),
        ...table<UpstreamStatus>(
          'Upstreams',
          [
            { head: 'Upstream', kind: 'head', cell: ({ upstream }) => h('bdi', {}, upstream) },
            { head: 'Node', cell: ({ node }) => h('bdi', {}, node) },
            {
              head: 'State',
              cell: ({ state, error }) => [
                mark(state, state),
                ...(state === 'up' || error === null ? [] : [h('p', { class: 'fine' }, dialError(error))]),
              ],
            },
            { head: 'Last success', kind: 'number', cell: ({ workedAt }) => ago(workedAt, at) },
            { head: 'Connections', kind: 'number', cell: ({ connections }) => count(connections) },
            { head: 'Failures', kind: 'number', cell: ({ failures }) => count(failures) },
          ],
          upstreams,
          'No upstream has been used yet.',
        ),
      ]
