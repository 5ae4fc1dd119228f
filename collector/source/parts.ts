import type { Batch } from '../../proxy/events/contract.ts'
import type { Hold } from '../state/redis-hold.ts'

/**
 * Keys and arguments of one commit, to which the events of one more piece of a message may come: the script runs for some
 * milliseconds, in which Redis answers no proxy.
 */
export const costAtMost = 20_000

/**
 * Folds the pieces of the message at `offset`, and writes in between where one call would not take them all. It is begun
 * with nothing else pending, so that it comes to the same parts when it is folded again; events of a part that is written
 * are known by their seq. False when `write` is: the partition is not ours any more.
 */
export const foldParts = async (
  hold: Pick<Hold, 'cost' | 'offset' | 'part'>,
  offset: number,
  batches: readonly Batch[],
  fold: (batch: Batch) => void,
  write: (part: number) => Promise<boolean>,
): Promise<boolean> => {
  if (batches.length > 1 && hold.cost > 0 && !(await write(0))) return false
  let part = hold.offset === offset ? hold.part : 0
  for (const batch of batches) {
    fold(batch)
    if (batches.length > 1 && hold.cost > costAtMost && !(await write(++part))) return false
  }
  return true
}
