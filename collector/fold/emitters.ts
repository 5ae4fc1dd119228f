import type { Standing } from './snapshot.ts'

/**
 * Whoever may write to the topic can write under any name: so many emitters have a place in a state, and each takes about
 * 1 kB. A fleet of a hundred nodes that restart daily has two hundred in the 48 hours that one is kept.
 */
export const mostEmitters = 1_024
/** At the bound, an emitter that was silent for so long gives its place to a new one. */
export const replaceableMs = 600_000
export const nodeOf = (emitter: string): string => emitter.slice(0, emitter.lastIndexOf('/'))

/**
 * Whose place a new emitter of `node` takes, `''` while there is room: the oldest of the same node, which it replaces, else
 * the longest silent, if its latest event is long before `at`. Null when there is none, so that names without end push no
 * node out that goes on. The same for the same order of events.
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
