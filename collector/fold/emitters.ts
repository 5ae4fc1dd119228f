import type { Standing } from './snapshot.ts'

/**
 * Most emitters in one state, about 1 kB each: a client that may write to the topic can make up any name. A fleet of a
 * hundred nodes that restart daily has two hundred within the 48 hours for which one is kept.
 */
export const mostEmitters = 1_024
/** At the bound, a new emitter replaces one that was silent for longer than this. */
export const replaceableMs = 600_000
export const nodeOf = (emitter: string): string => emitter.slice(0, emitter.lastIndexOf('/'))

/**
 * The emitter that a new one of `node` replaces at `at` (epoch ms): the oldest of the same node, else the longest silent.
 * `''` while there is room; null where every emitter is active, so that made-up names displace no node that is running.
 * Depends only on the order of events.
 */
export const placeFor = (
  emitters: ReadonlyMap<string, Standing>,
  node: string,
  at: number,
): string | null => {
  if (emitters.size < mostEmitters) return ''
  let [oldest, oldestAt] = ['', at - replaceableMs]
  let [own, ownAt] = ['', Infinity]
  for (const [emitter, standing] of emitters) {
    if (standing.at < ownAt && emitter.startsWith(node) && nodeOf(emitter) === node)
      [own, ownAt] = [emitter, standing.at]
    if (standing.at < oldestAt) [oldest, oldestAt] = [emitter, standing.at]
  }
  return own || oldest || null
}
