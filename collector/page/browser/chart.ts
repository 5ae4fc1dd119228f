import type UPlot from 'uplot'
import { clock, hourMinute } from './format.ts'
import { h, patch } from './piece.ts'

// A classic script defines it before this module: without a bundler a bare import has no file.
declare const uPlot: typeof UPlot

export type Column = readonly (number | null)[]
export type Line<T> = { name: string; of: (source: T) => Column }
/** `whole`: the axis has whole numbers only. `full`: the least height of the axis, 1 by default. */
export type Drawing<T> = {
  title: string
  lines: readonly Line<T>[]
  show: (value: number | null) => string
  empty: string
  whole?: boolean
  full?: number
}
export type Chart<T> = { draw: (source: T, at: number[], from: number) => void; recolour: () => void }

/** The first line has an area, the second has none, the third is dotted: colour alone never distinguishes them. */
const styles = [
  { colour: '--one', dash: [], width: 1.5, fill: '--one-fill' },
  { colour: '--two', dash: [], width: 1.25, fill: null },
  { colour: '--three', dash: [2, 2], width: 2, fill: null },
] as const
const style = (index: number) => styles[index % styles.length] ?? styles[0]

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name)
const wholeSteps = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power))
const height = 150

/** Draws a chart that fills `figure`; calls `hovered` with the time under the pointer, or null. */
export const chart = <T>(
  figure: HTMLElement,
  drawing: Drawing<T>,
  hovered: (at: number | null) => void,
): Chart<T> => {
  const caption = figure.appendChild(document.createElement('figcaption'))
  const area = figure.appendChild(document.createElement('div'))
  area.className = 'plot'
  area.setAttribute('role', 'img')
  const empty = figure.appendChild(document.createElement('p'))
  empty.className = 'empty'
  empty.textContent = drawing.empty

  let columns: Column[] = drawing.lines.map(() => [])
  let from = 0
  const legend = (index: number | null) => {
    const values = columns.map((column) => (index === null ? newest(column) : (column[index] ?? null)))
    const keys = drawing.lines.map(({ name }, at) =>
      h(
        'span',
        { class: 'key' },
        h('span', { class: `swatch line-${at}`, 'aria-hidden': 'true' }),
        `${name} `,
        h('b', {}, drawing.show(values[at] ?? null)),
      ),
    )
    patch(caption, [h('h3', {}, drawing.title), h('p', {}, ...keys)])
  }

  const plot = new uPlot(
    options(
      drawing,
      () => from,
      (self) => {
        const index = self.cursor.idx ?? null
        legend(index)
        hovered(index === null ? null : (self.data[0][index] ?? null))
      },
    ),
    [[], ...columns.map(() => [])],
    area,
  )
  new ResizeObserver(() => plot.setSize({ width: area.clientWidth, height })).observe(area)

  return {
    draw: (source, at, start) => {
      columns = drawing.lines.map((line) => line.of(source))
      from = start
      const known = columns.some((column) => column.some((value) => value !== null))
      figure.toggleAttribute('data-empty', !known)
      area.setAttribute('aria-label', spoken(drawing, columns))
      plot.setData([at, ...columns.map((column) => [...column])])
      legend(plot.cursor.idx ?? null)
    },
    recolour: () => plot.redraw(false, true),
  }
}

const newest = (column: Column): number | null => column.slice(-3).findLast((value) => value !== null) ?? null

const spoken = <T>({ title, lines, show }: Drawing<T>, columns: readonly Column[]): string => {
  const parts = lines.map(({ name }, at) => {
    const values = (columns[at] ?? []).filter((value) => value !== null)
    if (values.length === 0) return `${name}: no data`
    return `${name}: now ${show(newest(columns[at] ?? []))}, highest ${show(Math.max(...values))}`
  })
  return `Chart of the last hour. ${title}. ${parts.join('; ')}`
}

const options = <T>(
  drawing: Drawing<T>,
  from: () => number,
  setCursor: (self: UPlot) => void,
): UPlot.Options => {
  const axis: UPlot.Axis = {
    stroke: () => colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: () => colour('--grid'), width: 1 },
    ticks: { show: false },
    gap: 6,
  }
  return {
    width: 300,
    height,
    ms: 1,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'hour' }, points: { size: 7 } },
    scales: {
      x: { time: true, range: (_, low, high) => [Math.max(low, from()), high] },
      y: { range: (_, __, high) => [0, Math.max((high ?? 0) * 1.12, drawing.full ?? 1)] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 64,
        values: (_, splits, __, ___, step) => splits.map(step < 60_000 ? clock : hourMinute),
      },
      {
        ...axis,
        space: 26,
        size: (_, values) => 14 + 6.2 * Math.max(3, ...(values ?? []).map((text) => text.length)),
        values: (_, splits) => splits.map((split) => drawing.show(split).replace(/\.0+(?!\d)/, '')),
        ...(drawing.whole ? { incrs: wholeSteps } : {}),
      },
    ],
    series: [
      { value: (_, at) => clock(at) },
      ...drawing.lines.map(({ name }, at): UPlot.Series => {
        const { colour: stroke, dash, width, fill } = style(at)
        return {
          label: name,
          stroke: () => colour(stroke),
          width,
          dash: [...dash],
          ...(fill ? { fill: () => colour(fill) } : {}),
          points: { show: true, size: 4, width: 0, fill: () => colour(stroke), filter: alone },
        }
      }),
    ],
    hooks: { setCursor: [setCursor] },
  }
}

/** A value between two gaps has no line, so it gets a point. */
const alone: UPlot.Series.Points.Filter = (self, series) => {
  const column = self.data[series] ?? []
  const missing = (value: number | null | undefined) => value === null || value === undefined
  return [...column.keys()].filter(
    (at) => !missing(column[at]) && missing(column[at - 1]) && missing(column[at + 1]),
  )
}
