import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { LoopSample } from '../../../proxy/events/sample.ts'
import type { Tally } from '../delta.ts'
import { labelled } from '../key.ts'

export const processKeys = {
  events: 'facts',
  /** Counted in minutes in which a proxy ran, so that alert rules know a quiet minute from a missing one. */
  sampled: 'sampled',
  /** The latest of a node: any event, its start, its stop, its sample. */
  seen: labelled('node'),
  started: labelled('started'),
  stopped: labelled('stopped'),
  sample: labelled('sample'),

  /** Sums of a node's samples in a tick; divided by `samples` they are means. */
  samples: labelled('s.n'),
  busyMs: labelled('s.busy-ms'),
  coreMs: labelled('s.core-ms'),
  hostCpu: labelled('s.host-cpu'),
  rss: labelled('s.rss'),
  loopUs: labelled('s.loop-us'),
  open: labelled('s.open'),

  /** Exceptions in a node's own code. */
  faults: labelled('faults'),
  /** Relay threads of a node that died. */
  deaths: labelled('deaths'),

  /** The last load of a list of networks: `node/list`. */
  networks: labelled('networks'),

  /** The last read of a node's user store. */
  userStore: labelled('user-store'),

  lost: 'lost',
  lostFor: labelled('lost'),
} as const

/** The keys of `recent` that describe a node. */
export const nodeKeys = [
  processKeys.seen,
  processKeys.started,
  processKeys.stopped,
  processKeys.sample,
] as const

/** Host CPU (0–1) is summed as an integer, in these parts of one. */
export const cpuParts = 10_000

/** The part of a node's last sample that the state keeps. */
export type Sample = {
  boot: string
  cpu: number
  hostCpu: number
  rssBytes: number
  heapUsedBytes: number
  openFds: number
  maxFds: number
  openConnections: number
  uptimeSeconds: number
  loops: LoopSample[]
}

const k = processKeys
const mostThreads = 64

const sampled = (event: Extract<ProxyEvent, { type: 'process.sampled' }>, tally: Tally): void => {
  const { node } = tally
  const busyMs = event.cpuUserMs + event.cpuSystemMs
  const coreMs = event.intervalMs * event.cores
  const loops = event.loops.slice(0, mostThreads)
  const sample: Sample = {
    boot: tally.boot,
    cpu: coreMs > 0 ? busyMs / coreMs : 0,
    hostCpu: event.hostCpu,
    rssBytes: event.rssBytes,
    heapUsedBytes: event.heapUsedBytes,
    openFds: event.openFds,
    maxFds: event.maxFds,
    openConnections: event.openConnections,
    uptimeSeconds: event.uptimeSeconds,
    loops,
  }
  tally.recent(k.sample(node), sample)
  tally.minute(k.sampled, 1)
  tally.tick(k.samples(node), 1)
  tally.tick(k.busyMs(node), Math.round(busyMs))
  tally.tick(k.coreMs(node), Math.round(coreMs))
  tally.tick(k.hostCpu(node), Math.round(event.hostCpu * cpuParts))
  tally.tick(k.rss(node), Math.round(event.rssBytes))
  tally.tick(k.open(node), event.openConnections)
  tally.tick(k.loopUs(node), Math.round(1000 * Math.max(0, ...loops.map((loop) => loop.delayP99Ms))))
}

/** Each node's latest sample, its samples over the last hour, and the events that it lost. */
export const processes = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'process.started':
      tally.recent(k.started(tally.node), { boot: tally.boot, version: event.version })
      return tally
    case 'process.stopped':
      tally.recent(k.stopped(tally.node), { boot: tally.boot, reason: event.reason })
      return tally
    case 'process.sampled':
      sampled(event, tally)
      return tally
    case 'process.faulted':
      tally.tick(k.faults(tally.node), event.count)
      return tally
    case 'thread.died':
      tally.tick(k.deaths(tally.node), 1)
      return tally
    case 'networks.loaded': {
      const { list, networks, failed, missing, ageMs } = event
      tally.recent(k.networks(`${tally.node}/${list}`), { networks, failed, missing, ageMs })
      return tally
    }
    case 'users.read': {
      const { users, problem = null } = event
      tally.recent(k.userStore(tally.node), { users, problem })
      return tally
    }
    case 'events.lost':
      tally.ever(k.lostFor(event.reason), event.count)
      tally.tick(k.lost, event.count)
      tally.live(k.lost, event.count)
      return tally
    case 'connection.accepted':
    case 'handshake.accepted':
    case 'handshake.rejected':
    case 'datacenter.dialed':
    case 'datacenter.dial-failed':
    case 'upstream.failed':
    case 'connection.first-byte':
    case 'connection.progress':
    case 'connection.closed':
    case 'datacenter.probed':
    case 'header.refused':
    case 'limit.refused':
    case 'replay.unclaimed':
    case 'connections.summarised':
    case 'middle-proxy.failed':
    case 'middle-proxy.probed':
    case 'middle-proxies.read':
    case 'api.changed':
    case 'config.reloaded':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
      return tally
  }
}
