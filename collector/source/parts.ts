import type { Batch } from '../../proxy/events/contract.ts'
import type { Hold } from '../state/redis-hold.ts'

/**
 * Keys and arguments of one commit, to which those of one more piece of a message may come. It bounds the milliseconds that
 * the script runs, in which Redis answers no proxy.
 */
export const costAtMost = 20_000

/**
 * Folds the pieces of the message at `offset`, and writes parts in between where one call cannot take them all. A long message
 * starts with nothing else pending, so that a second fold cuts it into the same parts; events of a written part are skipped
 * by their seq. False as soon as `write` is.
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
