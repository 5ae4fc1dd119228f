import type { Ends } from '../source/ends.ts'
import { foldedShare, watchStart, watchWaiting } from '../source/lag.ts'
import type { Mirror } from '../state/mirror.ts'

/** How far the state of the fleet is folded. */
export type Progress = {
  /** Messages that are not folded yet, by partition. */
  behind(): Map<number, number>
  /** The folded share of all messages, 0–1; null until every partition is known. */
  foldedRatio(): number | null
  /** Age of the oldest events that wait, ms. */
  lagMs(): number
  /** Whether the state is at least as far as any collector has exposed before this process started. */
  settled(): boolean
}

/** `now` is epoch ms, `steady` ms of a clock that is never set. */
export const createProgress = (
  { metas }: Pick<Mirror, 'metas'>,
  ends: Ends,
  now: () => number,
  steady: () => number,
): Progress => {
  const lagOf = watchWaiting()
  const settledAt = watchStart(steady(), ends)
  // A partition without a state is folded from its beginning.
  const offsetOf = (partition: number): number => metas.get(partition)?.offset ?? 0

  const behind = (): Map<number, number> =>
    new Map(
      [...metas].map(([partition, { offset, end }]) => [
        partition,
        ends.waiting(partition, offset) ?? Math.max(0, end - offset),
      ]),
    )
  return {
    behind,
    foldedRatio: () =>
      foldedShare(
        Array.from({ length: ends.partitions }, (_, partition) => ({
          messages: ends.messages(partition),
          waiting: ends.waiting(partition, offsetOf(partition)),
        })),
      ),
    lagMs: () => {
      const backlogs = [...behind()].map(
        ([partition, waiting]) =>
          [partition, { waiting, foldedAt: metas.get(partition)?.foldedAt ?? 0 }] as const,
      )
      return lagOf(new Map(backlogs), now(), steady())
    },
    settled: () => settledAt(offsetOf, steady()),
  }
}
