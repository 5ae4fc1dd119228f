import type { DatacenterStatus, Status } from '../../read/status.ts'
import { ago, count, ms } from './format.ts'
import { type Child, h, type Piece } from './piece.ts'
import { type Column, mark, table } from './table.ts'
import { dialError, families, place } from './words.ts'

type Row = { dc: number; routes: readonly DatacenterStatus[] }

const words: Record<DatacenterStatus['state'], string> = {
  up: 'up',
  slow: 'slow',
  down: 'down',
  unknown: 'not probed yet',
}

/** One row for each datacenter, one column for each family and media: state and round trip. */
export const datacentersSection = (status: Status): Piece[] => {
  const rows = [...Map.groupBy(status.datacenters, ({ dc }) => Math.abs(dc))]
    .map(([dc, routes]): Row => ({ dc, routes }))
    .toSorted((a, b) => a.dc - b.dc)
  const kinds = (['ipv4', 'ipv6'] as const).flatMap((family) =>
    [false, true].map((media) => ({ media, family })),
  )
  const columns = kinds.flatMap(({ media, family }): Column<Row>[] => {
    const here = (route: DatacenterStatus) => route.media === media && route.family === family
    if (!status.datacenters.some(here)) return []
    const cell = ({ routes }: Row) => routes.filter(here).flatMap((route) => shown(route, status))
    return [{ head: `${families[family]}${media ? ', media' : ''}`, cell }]
  })
  return table(
    'Datacenter health',
    [{ head: 'Datacenter', cell: name, kind: 'head' }, ...columns],
    rows,
    'No datacenter has been probed or dialed yet; the first probes take a few seconds.',
  )
}

const name = ({ dc }: Row): Child[] => [`DC ${dc}`, h('span', { class: 'fine' }, place(dc))]

const shown = (route: DatacenterStatus, { at }: Status): Piece[] => {
  const failed = route.dialFailures
  const unused = route.state === 'unknown' && route.error !== null
  const events = [
    route.resPqP99 === null || route.state === 'down' ? '' : `p99\u00a0${ms(route.resPqP99)}`,
    route.tcpMs === null ? '' : `TCP\u00a0${ms(route.tcpMs)}`,
    `${count(route.open)}\u00a0open`,
  ]
  return [
    h(
      'div',
      { class: 'route', title: `${route.address}, probed ${ago(route.probedAt, at)}` },
      h(
        'p',
        {},
        mark(route.state, unused ? 'not used' : words[route.state]),
        ' ',
        route.state === 'down' ? null : h('b', {}, ms(route.resPqP50 ?? route.resPqMs)),
      ),
      route.error === null ? null : h('p', { class: 'fine' }, dialError(route.error)),
      h('p', { class: 'fine' }, events.filter(Boolean).join(' · ')),
      failed > 0 ? h('p', { class: 'fine' }, `${count(failed)} failed dial${failed === 1 ? '' : 's'}`) : null,
    ),
  ]
}
