import { type Child, h, type Piece } from './piece.ts'

export type Column<T> = {
  head: string
  cell: (row: T) => Child | readonly Child[]
  /** Numbers stand right; the head of a row names it for a screen reader. */
  kind?: 'number' | 'head'
}

/** A table that scrolls by itself where the screen is narrow; words instead of it while there is no row. */
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

/** How large a part it is of the whole, drawn behind the number that says it. */
export const bar = (part: number, whole: number, tone = ''): Piece =>
  h('span', { class: `share ${tone}`.trim(), share: whole > 0 ? part / whole : 0, 'aria-hidden': 'true' })

/** A mark that has a shape and, beside it, a word: never a colour alone. */
export const mark = (tone: string, word: string): Piece =>
  h('span', { class: `mark ${tone}` }, h('span', { class: 'shape', 'aria-hidden': 'true' }), word)
