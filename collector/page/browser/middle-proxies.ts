import type { MiddleProxyDocumentStatus, MiddleProxyStatus, Status } from '../../read/status.ts'
import { ago, count, ms } from './format.ts'
import { h, type Piece } from './piece.ts'
import { mark, table } from './table.ts'
import { dialError, families } from './words.ts'

const names: Readonly<Record<string, string>> = {
  config: 'List, IPv4',
  'config-v6': 'List, IPv6',
  secret: 'Secret',
}

/** The hop of advertising mode; nothing where it is off. */
export const middleProxiesSection = ({ middleProxies, middleProxyDocuments, at }: Status): Piece[] =>
  middleProxies.length + middleProxyDocuments.length === 0
    ? []
    : [
        h('h3', {}, 'Middle proxies'),
        ...table<MiddleProxyStatus>(
          'Middle proxies',
          [
            {
              head: 'Datacenter',
              kind: 'head',
              cell: ({ dc, media, family }) => `DC ${dc}${media ? ', media' : ''}, ${families[family]}`,
            },
            {
              head: 'Nearest',
              cell: ({ state, address, error, probedAt }) => [
                h('span', { title: `${address}, probed ${ago(probedAt, at)}` }, mark(state, state)),
                ...(error === null ? [] : [h('p', { class: 'fine' }, dialError(error))]),
              ],
            },
            { head: 'Ping', kind: 'number', cell: ({ pingMs }) => ms(pingMs) },
            { head: 'Clients through', kind: 'number', cell: ({ through }) => count(through) },
            { head: 'Clients around', kind: 'number', cell: ({ around }) => count(around) },
          ],
          middleProxies,
          'No middle proxy has been probed yet.',
        ),
        ...table<MiddleProxyDocumentStatus>(
          'What Telegram publishes about middle proxies',
          [
            { head: 'Document', kind: 'head', cell: ({ document }) => names[document] ?? document },
            { head: 'Node', cell: ({ node }) => h('bdi', {}, node) },
            { head: 'Downloaded', kind: 'number', cell: ({ fetchedAt }) => ago(fetchedAt, at) },
            {
              head: 'Addresses',
              kind: 'number',
              cell: ({ entries, document }) => (document === 'secret' ? '' : count(entries)),
            },
            { head: 'Last try', cell: ({ error }) => error ?? 'succeeded' },
          ],
          middleProxyDocuments,
          'Nothing has been downloaded yet.',
        ),
      ]
