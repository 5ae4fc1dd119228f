import { type Child, h, type Piece } from './piece.ts'

export type Column<T> = {
  head: string
  cell: (row: T) => Child | readonly Child[]
  /** A `number` is aligned right; a `head` names its row for a screen reader. */
  kind?: 'number' | 'head'
}

/** A table that scrolls on a narrow screen, or the text `empty` if there are no rows. */
export const table = <T>(
  label: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  empty: string,
): Piece[] =>
  rows.length === 0
    ? [h('p', { class: 'empty' }, empty)]
    : [
        h(
          'div',
          { class: 'scroll', role: 'region', 'aria-label': label, tabindex: 0 },
          h(
            'table',
            {},
            h('thead', {}, h('tr', {}, ...columns.map(head))),
            h('tbody', {}, ...rows.map((row) => h('tr', {}, ...columns.map((column) => cell(column, row))))),
          ),
        ),
      ]

const head = <T>(column: Column<T>): Piece =>
  h('th', { scope: 'col', class: column.kind === 'number' ? 'number' : undefined }, column.head)

const cell = <T>({ cell, kind }: Column<T>, row: T): Piece => {
  const children = [cell(row)].flat()
  if (kind === 'head') return h('th', { scope: 'row' }, ...children)
  return h('td', { class: kind === 'number' ? 'number' : undefined }, ...children)
}

/** A bar behind a number: its share of the whole. */
export const bar = (part: number, whole: number, tone = ''): Piece =>
  h('span', { class: `share ${tone}`.trim(), share: whole > 0 ? part / whole : 0, 'aria-hidden': 'true' })

/** A mark with a shape and a word: colour is never the only sign. */
export const mark = (tone: string, word: string): Piece =>
  h('span', { class: `mark ${tone}` }, h('span', { class: 'shape', 'aria-hidden': 'true' }), word)
