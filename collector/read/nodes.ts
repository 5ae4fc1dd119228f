import type { Observation } from '../fold/delta.ts'
import { foldKeys } from '../fold/fold.ts'
import { connectionKeys } from '../fold/projections/connections.ts'
import { processKeys, type Sample } from '../fold/projections/processes.ts'
import type { Reading } from '../fold/state.ts'
import type { NodeStatus } from './status.ts'

/** A node without events for this long is gone, and its connections with it. A node samples itself more often. */
export const silentMs = 60_000

export type Node = {
  node: string
  /** Of its latest event. Connections of an earlier boot ended with that boot. */
  boot: string
  startedAt: number
  lastSeenAt: number
  /** Time since its latest event, ms. */
  quietMs: number
  /** It stopped cleanly. */
  stopped: boolean
  alive: boolean
  sample: Sample | null
}

const sampleOf = (observation: Observation | undefined): Sample | null =>
  typeof observation?.value === 'object' && observation.value !== null && 'loops' in observation.value
    ? (observation.value as unknown as Sample) // as the projection wrote it
    : null

const bootOf = (observation: Observation | undefined): string | null =>
  typeof observation?.value === 'object' && observation.value !== null && 'boot' in observation.value
    ? String(observation.value.boot)
    : null

const nodePrefix = processKeys.seen('')

/** The nodes with an event in the last two days, by name. */
export const nodesOf = (state: Pick<Reading, 'recent' | 'quietMs'>, now: number): Node[] => {
  const { recent } = state
  const nodes: Node[] = []
  for (const [key, seen] of recent) {
    if (!key.startsWith(nodePrefix)) continue
    const node = key.slice(nodePrefix.length)
    const boot = String(seen.value)
    const started = recent.get(processKeys.started(node))
    const sample = sampleOf(recent.get(processKeys.sample(node)))
    const stopped = bootOf(recent.get(processKeys.stopped(node))) === boot
    // An event dated by a clock that was ahead does not show how long ago it was.
    const seenAt = seen.at > now + silentMs ? 0 : seen.at
    const quiet = state.quietMs(`${node}/${boot}`) ?? Math.max(0, now - seenAt)
    const ofBoot = sample?.boot === boot ? sample : null
    nodes.push({
      node,
      boot,
      startedAt:
        started !== undefined && bootOf(started) === boot
          ? started.at
          : seen.at - (ofBoot === null ? 0 : ofBoot.uptimeSeconds * 1000),
      lastSeenAt: seen.at,
      stopped,
      quietMs: quiet,
      alive: !stopped && quiet <= silentMs,
      sample: ofBoot,
    })
  }
  return nodes.sort((a, b) => (a.node < b.node ? -1 : 1))
}

export const nodeStatus = ({ node, boot, startedAt, lastSeenAt, sample }: Node): NodeStatus => ({
  node,
  boot,
  startedAt,
  lastSeenAt,
  processCpu: sample?.cpu ?? 0,
  hostCpu: sample?.hostCpu ?? 0,
  rssBytes: sample?.rssBytes ?? 0,
  heapUsedBytes: sample?.heapUsedBytes ?? 0,
  openFds: sample?.openFds ?? 0,
  maxFds: sample?.maxFds ?? 0,
  loops: sample?.loops.map((loop) => ({ ...loop })) ?? [],
})

export type Open = {
  total: number
  /** Keyed `mode/dc/main|media`. */
  bySession: Map<string, number>
  byUser: Map<string, number>
  byListener: Map<string, number>
}

const sessionPrefix = connectionKeys.openSession('')
const userPrefix = connectionKeys.openOfUser('')
const listenerPrefix = connectionKeys.openBy('')

/** Open connections of the nodes that are alive. */
export const openOf = (state: Reading, nodes: readonly Node[]): Open => {
  const open: Open = { total: 0, bySession: new Map(), byUser: new Map(), byListener: new Map() }
  const add = (to: Map<string, number>, label: string, n: number): void => {
    if (n > 0) to.set(label, (to.get(label) ?? 0) + n)
  }
  for (const { node, boot, alive, sample } of nodes) {
    if (!alive) continue
    const live = state.bucket('boot', `${node}/${boot}`)
    // With missing events opens and closes do not match; the node's own count is older but right.
    const hasGaps = live.has(foldKeys.gaps) || live.has(processKeys.lost)
    open.total += hasGaps && sample ? sample.openConnections : Math.max(0, live.get(connectionKeys.open) ?? 0)
    for (const [key, n] of live) {
      if (key.startsWith(sessionPrefix)) add(open.bySession, key.slice(sessionPrefix.length), n)
      else if (key.startsWith(userPrefix)) add(open.byUser, key.slice(userPrefix.length), n)
      else if (key.startsWith(listenerPrefix)) add(open.byListener, key.slice(listenerPrefix.length), n)
    }
  }
  return open
}
