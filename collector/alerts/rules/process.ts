import { mostEmitters } from '../../fold/emitters.ts'
import {
  deadLetterKey,
  deadLetterReasons,
  foldKeys,
  type ReplacedReason,
  replacedKey,
  replacedReasons,
} from '../../fold/fold.ts'
import { cpuParts, processKeys as p } from '../../fold/projections/processes.ts'
import { tickMs } from '../../fold/retention.ts'
import { type Node, nodesOf } from '../../read/nodes.ts'
import {
  clock,
  type Finding,
  recentSum,
  seenOf,
  spell,
  spellWindow,
  sumOver,
  verdictOf,
  type Watch,
} from './finding.ts'
import { rules } from './rules.ts'

type Gauge = { readonly mean: number; readonly overMs: number; readonly isFull: boolean }

/** A node's mean over the window of the rule, however short its factor makes it: `least` samples, one a tick, must fit. One that is not full yet is no verdict. */
const meanOf = (
  watch: Watch,
  node: string,
  key: (node: string) => string,
  { windowMs, least }: { readonly windowMs: number; readonly least: number },
): Gauge => {
  const overMs = Math.max(windowMs * watch.factor, (least + 1) * tickMs)
  const samples = sumOver(watch, p.samples(node), overMs)
  const isFull = samples >= least && seenOf(watch, overMs, p.samples(node)) === overMs
  return { mean: samples === 0 ? 0 : sumOver(watch, key(node), overMs) / samples, overMs, isFull }
}

const alive = (watch: Watch): Node[] => nodesOf(watch.state, watch.now).filter((node) => node.alive)

export const eventLoops = (watch: Watch): Finding[] =>
  alive(watch).map(({ node, sample }) => {
    const rule = 'event-loop'
    const { raise, clear } = rules[rule]
    const { mean, overMs, isFull } = meanOf(watch, node, p.loopUs, rules[rule])
    const value = Math.round(mean / 1000)
    const slowest = sample?.loops.toSorted((a, b) => b.delayP99Ms - a.delayP99Ms)[0]
    return {
      rule,
      subject: node,
      value,
      baseline: 0,
      verdict: isFull ? verdictOf(value, raise, clear) : 'between',
      summary: () =>
        `Node ${node} is saturated: turns of its event loop take ${value} ms (p99 over ${spell(overMs)}), worst in thread ${slowest?.thread ?? 'unknown'}. ` +
        'Every connection waits so long at each step. Look at CPU and memory of the host; add WORKERS while cores are idle, else another host.',
      calm: () => `The event loops of node ${node} turn quickly again.`,
    }
  })

export const hostCpu = (watch: Watch): Finding[] =>
  alive(watch).map(({ node, sample }) => {
    const rule = 'host-cpu'
    const { raise, clear } = rules[rule]
    const { mean, overMs, isFull } = meanOf(watch, node, p.hostCpu, rules[rule])
    const value = Math.round((100 * mean) / cpuParts)
    const own = Math.round(100 * (sample?.cpu ?? 0))
    return {
      rule,
      subject: node,
      value,
      baseline: 0,
      verdict: isFull ? verdictOf(value, raise, clear) : 'between',
      summary: () =>
        `The CPU of the host of node ${node} is at ${value} % (over ${spell(overMs)}); this proxy uses ${own} % of it. ` +
        (own >= value / 2
          ? 'It has more traffic than this host can carry: keep FAST_MODE on, or add a host.'
          : 'Something else on the host uses it, or a neighbour of the virtual machine does: look at `top`, and at its steal time.'),
      calm: () => `The CPU of the host of node ${node} is at ${value} % again.`,
    }
  })

export const fileDescriptors = (watch: Watch): Finding[] =>
  alive(watch).flatMap(({ node, sample }) => {
    if (sample === null || sample.maxFds <= 0) return []
    const rule = 'file-descriptors'
    const { openFds, maxFds } = sample
    const value = Math.round((100 * openFds) / maxFds)
    return {
      rule,
      subject: node,
      value,
      baseline: 0,
      verdict: verdictOf(value, rules[rule].raise, rules[rule].clear),
      summary: () =>
        `Node ${node} uses ${openFds} of ${maxFds} file descriptors; at the limit it refuses clients. ` +
        'Raise `nofile` (`ulimit -n`, `LimitNOFILE=` of systemd, `ulimits` of compose) and restart.',
      calm: () => `Node ${node} has file descriptors enough again: ${openFds} of ${maxFds}.`,
    }
  })

export const silentNodes = (watch: Watch): Finding[] =>
  nodesOf(watch.state, watch.now).map(({ node, lastSeenAt, stopped, ...seen }) => {
    const mayBeQuietMs = rules['node-silent'].quietMs
    const quietMs = Math.max(0, Math.min(seen.quietMs, watch.now - watch.watchingSince))
    const raised = watch.raised('node-silent', node)
    // Who has just begun to watch must not take the silence before for an end of it.
    const isOld = raised !== undefined && raised.at <= watch.now
    const reported = isOld ? lastSeenAt > raised.at : quietMs <= mayBeQuietMs
    return {
      rule: 'node-silent',
      subject: node,
      value: Math.round(quietMs / 1000),
      baseline: 0,
      verdict: stopped || reported ? 'good' : quietMs > mayBeQuietMs ? 'bad' : 'between',
      since: lastSeenAt,
      summary: () =>
        `Node ${node} has told nothing since ${clock(lastSeenAt)} and did not say that it stops. ` +
        'Its process or host died, or cannot be reached: look there first; its users are cut off or unseen.',
      calm: () => (stopped ? `Node ${node} was stopped.` : `Node ${node} tells its facts again.`),
    }
  })

export const internalErrors = (watch: Watch): Finding[] => {
  const { windowMs } = rules['internal-error']
  return nodesOf(watch.state, watch.now).map(({ node }) => {
    const value = recentSum(watch, p.faults(node), windowMs)
    return {
      rule: 'internal-error',
      subject: node,
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `The code of node ${node} failed ${value} ${value === 1 ? 'time' : 'times'} in the last ${spellWindow(watch, windowMs)}, usually never: each failure cut one connection at most, and all others go on. ` +
        'Look for `relay-fault` or `fault` in its log, update the proxy, and report the stack if it comes again.',
      calm: () => `The code of node ${node} fails no more.`,
    }
  })
}

export const eventsLost = (watch: Watch): Finding[] => {
  const { windowMs } = rules['events-lost']
  const gaps = recentSum(watch, foldKeys.gaps, windowMs) - recentSum(watch, foldKeys.reported, windowMs)
  const value = recentSum(watch, p.lost, windowMs) + Math.max(0, gaps)
  return [
    {
      rule: 'events-lost',
      subject: 'all nodes',
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `${value} facts were lost in the last ${spellWindow(watch, windowMs)}: traffic is not affected, but totals are too low by them. ` +
        'Look at the free space of DATA_DIR and the log’s bounds, and at the CPU.',
      calm: () => 'No more facts are being lost.',
    },
  ]
}

export const namesRefused = (watch: Watch): Finding[] => {
  const { windowMs } = rules['names-refused']
  const value = recentSum(watch, foldKeys.refused, windowMs)
  return [
    {
      rule: 'names-refused',
      subject: 'fleet',
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `${value} events of new nodes were left out in the last ${spell(windowMs * watch.factor)}, usually none: ${mostEmitters} processes have a place, and none of them was silent for ten minutes. Totals are too low by them; nodes that were known are not touched. ` +
        'Look for made-up names among the nodes, and let only proxies write to the topic.',
      calm: () => 'Every node has its place again.',
    },
  ]
}

export const deadLetters = (watch: Watch): Finding[] => {
  const { windowMs } = rules['dead-letters']
  const value = deadLetterReasons.reduce(
    (sum, reason) => sum + recentSum(watch, deadLetterKey(reason), windowMs),
    0,
  )
  return [
    {
      rule: 'dead-letters',
      subject: 'fleet',
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `${value} messages could not be read and were kept in the dead-letter topic. ` +
        'A proxy newer than the collectors, or somebody else writing to the topic: update the collectors first.',
      calm: () => 'Every message can be read again.',
    },
  ]
}

const replacedWords: Record<ReplacedReason, string> = {
  cluster: 'KAFKA_BROKERS leads to another cluster',
  topic: 'the topic of the events was deleted and made again',
  truncated: 'the brokers lost the end of the topic of the events',
}

export const topicReplaced = (watch: Watch): Finding[] => {
  const { windowMs } = rules['topic-replaced']
  const counts = replacedReasons.map((why) => ({ why, count: recentSum(watch, replacedKey(why), windowMs) }))
  const value = counts.reduce((sum, { count }) => sum + count, 0)
  return [
    {
      rule: 'topic-replaced',
      subject: 'fleet',
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `The log of ${value} partitions is another one, in the last ${spell(windowMs * watch.factor)}: ` +
        `${counts.flatMap(({ why, count }) => (count > 0 ? [replacedWords[why]] : [])).join('; ')}. ` +
        'Totals go on, and new events are counted; events that no collector had folded are lost. If nobody did it, look at the brokers and their disks.',
      calm: () => 'The topic of the events stays the same.',
    },
  ]
}

export const collectorLag = (watch: Watch): Finding[] => {
  const { raise, clear } = rules['collector-lag']
  // A fact from before a step of the clock seems as old as the step.
  const lagMs = Math.min(watch.lagMs, watch.now - watch.evenSince)
  return [
    {
      rule: 'collector-lag',
      subject: 'collector',
      value: Math.round(lagMs / 1000),
      baseline: 0,
      verdict: verdictOf(lagMs, raise, clear),
      summary: () =>
        `The collector is ${spell(lagMs)} behind: numbers, page and alerts are that old. ` +
        'It catches up by itself unless CPU or disk are saturated: look at them.',
      calm: () => 'The collector is up to date again.',
    },
  ]
}
