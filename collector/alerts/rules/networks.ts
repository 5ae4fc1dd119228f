import { processKeys as p } from '../../fold/projections/processes.ts'
import { nodesOf } from '../../read/nodes.ts'
import type { Finding, Watch } from './finding.ts'
import { spell } from './finding.ts'
import { rules } from './rules.ts'

const settingOf = { block: 'BLOCK_LISTS', allow: 'ALLOW_LISTS' } as const

/** As the projection wrote it. */
type Loaded = { readonly failed: number; readonly missing: number; readonly ageMs: number }

const loadedOf = (value: unknown): Loaded | null =>
  typeof value === 'object' && value !== null && 'missing' in value ? (value as Loaded) : null

/** Lists of networks that cannot be loaded, by node. */
export const listsStale = (watch: Watch): Finding[] => {
  const rule = 'list-stale'
  const limitMs = rules[rule].staleMs * watch.factor
  return nodesOf(watch.state, watch.now)
    .filter(({ alive }) => alive)
    .flatMap(({ node, startedAt }) =>
      (['block', 'allow'] as const).flatMap((list) => {
        const observation = watch.state.recent.get(p.networks(`${node}/${list}`))
        const loaded = loadedOf(observation?.value)
        // An earlier boot may have had other lists.
        if (observation === undefined || loaded === null || observation.at < startedAt) return []
        const { failed, missing } = loaded
        const ageMs = loaded.ageMs + Math.max(0, watch.now - observation.at)
        const setting = settingOf[list]
        const effect =
          list === 'block'
            ? 'clients of networks that were added since are accepted'
            : 'clients of networks that were added since are refused'
        return {
          rule,
          subject: `${node} ${setting}`,
          value: failed,
          baseline: 0,
          verdict: failed === 0 ? 'good' : missing > 0 || ageMs >= limitMs ? 'bad' : 'between',
          since: observation.at - loaded.ageMs,
          summary: () =>
            missing > 0
              ? `Node ${node} has nothing of ${missing} of its ${setting}: ${list === 'block' ? 'their clients are accepted' : 'their clients are refused'}. Find \`list-not-loaded\` in its log, and correct the path or the URL.`
              : `Node ${node} cannot load ${failed} of its ${setting}, and uses what it loaded ${spell(ageMs)} ago (limit ${spell(limitMs)}): ${effect}. Find \`list-not-loaded\` in its log.`,
          calm: () => `Node ${node} loads its ${setting} again.`,
        }
      }),
    )
}
