import type { NodeStatus, Status } from '../../read/status.ts'
import { ago, bytes, count, duration, ms, percent, when } from './format.ts'
import { h, type Piece } from './piece.ts'
import { bar, table } from './table.ts'
import { loss } from './words.ts'

/** Each process and its threads: its use of the host, and the delay of its event loops. */
export const nodesSection = ({ nodes, at }: Status): Piece[] => [
  ...table<NodeStatus>(
    'Processes',
    [
      { head: 'Node', kind: 'head', cell: ({ node }) => h('bdi', {}, node) },
      { head: 'Up for', kind: 'number', cell: ({ startedAt }) => duration(at - startedAt) },
      { head: 'Last event', kind: 'number', cell: ({ lastSeenAt }) => ago(lastSeenAt, at) },
      { head: 'CPU', kind: 'number', cell: ({ processCpu }) => percent(processCpu) },
      { head: 'Host CPU', kind: 'number', cell: ({ hostCpu }) => percent(hostCpu) },
      { head: 'RSS', kind: 'number', cell: ({ rssBytes }) => bytes(rssBytes) },
      { head: 'Heap', kind: 'number', cell: ({ heapUsedBytes }) => bytes(heapUsedBytes) },
      {
        head: 'File descriptors',
        kind: 'number',
        cell: ({ openFds, maxFds }) => [
          `${count(openFds)} of ${count(maxFds)}`,
          bar(openFds, maxFds, openFds > 0.8 * maxFds ? 'bad' : ''),
        ],
      },
    ],
    nodes,
    'No process sample yet.',
  ),
  ...nodes.flatMap((node) => threads(node, nodes.length > 1)),
]

const threads = ({ node, loops }: NodeStatus, several: boolean): Piece[] =>
  table(
    `Event loops of ${node}`,
    [
      { head: several ? `Thread of ${node}` : 'Thread', kind: 'head', cell: ({ thread }) => thread },
      { head: 'Loop delay p50', kind: 'number', cell: ({ delayP50Ms }) => ms(delayP50Ms) },
      { head: 'Loop delay p99', kind: 'number', cell: ({ delayP99Ms }) => ms(delayP99Ms) },
      {
        head: 'Busy',
        kind: 'number',
        cell: ({ utilization }) => [
          percent(utilization),
          bar(utilization, 1, utilization > 0.85 ? 'bad' : ''),
        ],
      },
    ],
    loops,
    'No event loop has been measured yet.',
  )

/** Whether the numbers are complete: everything else on this page is folded from these events. */
export const eventsSection = ({ events, totals, at }: Status): Piece[] => {
  const lost = Object.entries(events.lost).filter(([, number]) => number > 0)
  return [
    h(
      'p',
      {},
      `${count(events.folded)} folded since ${when(totals.since, at)}, ${ms(events.lagMs)} behind. `,
      lost.length === 0 ? 'None lost.' : null,
    ),
    ...(lost.length === 0
      ? []
      : [
          h(
            'ul',
            { class: 'plain' },
            ...lost.map(([reason, number]) =>
              h('li', {}, h('b', {}, `${count(number)} lost`), `: ${loss(reason)}`),
            ),
          ),
        ]),
  ]
}
