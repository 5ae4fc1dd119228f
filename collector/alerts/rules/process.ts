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

/**
 * A node's mean over the window of a rule, which has room for `least` samples, one a tick, whatever the factor. `isFull` is
 * false while the node has fewer samples: too few for a verdict.
 */
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
        `The event loops of node ${node} are ${value} ms late (p99 over ${spell(overMs)}, limit ${raise} ms), worst in thread ${slowest?.thread ?? 'unknown'}: every connection waits that long at each step. ` +
        'Check CPU and memory of the host; add WORKERS while cores are idle, else another host.',
      calm: () => `The event loops of node ${node} are on time again.`,
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
        `The host CPU of node ${node} is at ${value} % (over ${spell(overMs)}, limit ${raise} %), and this proxy uses ${own} %: every connection may become slow. ` +
        (own >= value / 2
          ? 'The traffic is more than this host can carry: keep FAST_MODE on, or add a host.'
          : 'Something else on the host, or a neighbour of the virtual machine, uses the rest: check `top`, also its steal time.'),
      calm: () => `The host CPU of node ${node} is back at ${value} %.`,
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
        `Node ${node} uses ${openFds} of ${maxFds} file descriptors (${value} %, limit ${rules[rule].raise} %): at 100 % it refuses clients. ` +
        'Raise `nofile` (`ulimit -n`, `LimitNOFILE=` in systemd, `ulimits` in compose), and restart.',
      calm: () => `Node ${node} has enough file descriptors again: ${openFds} of ${maxFds} are open.`,
    }
  })

export const silentNodes = (watch: Watch): Finding[] =>
  nodesOf(watch.state, watch.now).map(({ node, lastSeenAt, stopped, ...seen }) => {
    const longestMs = rules['node-silent'].quietMs
    const quietMs = Math.max(0, Math.min(seen.quietMs, watch.now - watch.watchingSince))
    const raised = watch.raised('node-silent', node)
    // A collector that has just begun to watch must not take the silence before it for the end of an alert.
    const isOld = raised !== undefined && raised.at <= watch.now
    const emits = isOld ? lastSeenAt > raised.at : quietMs <= longestMs
    return {
      rule: 'node-silent',
      subject: node,
      value: Math.round(quietMs / 1000),
      baseline: 0,
      verdict: stopped || emits ? 'good' : quietMs > longestMs ? 'bad' : 'between',
      since: lastSeenAt,
      summary: () =>
        `No events from node ${node} since ${clock(lastSeenAt)}, and no clean shutdown: its users are cut off, or only unseen. ` +
        'Check whether its process and its host run and can be reached.',
      calm: () => (stopped ? `Node ${node} was stopped.` : `Node ${node} emits events again.`),
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
        `The code of node ${node} failed ${value} ${value === 1 ? 'time' : 'times'} in the last ${spellWindow(watch, windowMs)} (usually never): each failure closed at most one connection, the others go on. ` +
        'Find `relay-fault` or `fault` in its log, update the proxy, and report the stack if it fails again.',
      calm: () => `The code of node ${node} no longer fails.`,
    }
  })
}

export const threadsDied = (watch: Watch): Finding[] => {
  const { windowMs } = rules['thread-died']
  return nodesOf(watch.state, watch.now).map(({ node }) => {
    const value = recentSum(watch, p.deaths(node), windowMs)
    return {
      rule: 'thread-died',
      subject: node,
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `${value} relay ${value === 1 ? 'thread' : 'threads'} of node ${node} died in the last ${spellWindow(watch, windowMs)} (usually none): their connections were closed and come again, those of other threads go on, and a new thread took the place of each. ` +
        'Find `relay-thread-died` in its log. `out-of-memory`: lower MAX_CONNECTIONS, or give the host more memory; else update the proxy, and report the line.',
      calm: () => `The relay threads of node ${node} stay alive.`,
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
        `${value} events were lost in the last ${spellWindow(watch, windowMs)} (usually none): totals are too low by these, traffic is not affected. ` +
        'Check the free space of DATA_DIR, the bounds LOG_MAX_BYTES and LOG_MAX_AGE, and the CPU.',
      calm: () => 'Events are no longer lost.',
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
        `${value} events of new nodes were left out in the last ${spell(windowMs * watch.factor)} (usually none), because ${mostEmitters} processes have a place and each of them emitted within ten minutes: totals are too low by these events, known nodes are counted. ` +
        'Look for made-up names among the nodes, and let only proxies write to the topic.',
      calm: () => 'Every node has a place again.',
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
        `${value} messages could not be read in the last ${spellWindow(watch, windowMs)} (usually none) and are kept as dead letters: totals miss their events. ` +
        'Update the collectors if a proxy is newer than they are; else find the other program that writes to the topic.',
      calm: () => 'Every message is readable again.',
    },
  ]
}

const replacedCauses: Record<ReplacedReason, string> = {
  cluster: 'KAFKA_BROKERS points to another cluster',
  topic: 'the event topic was deleted and created again',
  truncated: 'the brokers lost the end of the event topic',
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
        `${value} partitions of the event topic were replaced in the last ${spell(windowMs * watch.factor)} (${counts.flatMap(({ why, count }) => (count > 0 ? [replacedCauses[why]] : [])).join('; ')}): ` +
        'events that no collector had folded are lost, totals and new events are kept. If this was not intended, check the brokers and their disks.',
      calm: () => 'The event topic has stayed the same since.',
    },
  ]
}

export const collectorLag = (watch: Watch): Finding[] => {
  const { raise, clear } = rules['collector-lag']
  // An event from before a step of the clock seems as old as the step.
  const lagMs = Math.min(watch.lagMs, watch.now - watch.evenSince)
  return [
    {
      rule: 'collector-lag',
      subject: 'collector',
      value: Math.round(lagMs / 1000),
      baseline: 0,
      verdict: verdictOf(lagMs, raise, clear),
      summary: () =>
        `The collector is ${spell(lagMs)} behind (limit ${spell(raise)}): numbers, page and alerts are that old. ` +
        'It catches up by itself unless the CPU or the disk is saturated: check both.',
      calm: () => 'The collector is up to date again.',
    },
  ]
}
