/** The fields of every event in memory. The event log adds `node`, `boot` and `seq` (see `Logged`). */
type Envelope<T extends string, V extends number> = {
  readonly v: V
  readonly type: T
  /** Epoch, ms. */
  readonly at: number
}

export type Event<T extends string, V extends number, F extends object> = Envelope<T, V> & Readonly<F>
