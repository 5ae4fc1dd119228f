import type { Parse } from './parse.ts'

export type Setting<T> = {
  readonly parse: Parse<T>
  /** The default, as an operator would write it. */
  readonly fallback: string
  /** What it is, its unit, and what `auto`, `none` and 0 mean; one line. */
  readonly doc: string
  /** `NAME=` is allowed. */
  readonly mayBeEmpty?: true
  readonly secret?: true
  /**
   * Where the value may appear: `here` in messages of the programs on this host, `everywhere` also in events. Without
   * this mark, nowhere.
   */
  readonly shown?: 'here' | 'everywhere'
  /** A value of another form is not shown. */
  readonly shownWhen?: RegExp
}

/** Whether the programs on this host may print `text`, a value of this setting. */
export const mayShow = ({ shown, shownWhen }: Setting<unknown>, text: string): boolean =>
  shown !== undefined && (shownWhen === undefined || shownWhen.test(text))
