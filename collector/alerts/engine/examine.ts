import { datacentersDown, datacentersSlow } from '../rules/datacenter.ts'
import type { Finding, Watch } from '../rules/finding.ts'
import { middleProxiesAway } from '../rules/middle-proxies.ts'
import { listsStale } from '../rules/networks.ts'
import {
  collectorLag,
  deadLetters,
  eventLoops,
  eventsLost,
  fileDescriptors,
  hostCpu,
  internalErrors,
  namesRefused,
  silentNodes,
  threadsDied,
  topicReplaced,
} from '../rules/process.ts'
import type { RuleName, SelfRule } from '../rules/rules.ts'
import { connectionDrops, stalledSessions } from '../rules/traffic.ts'
import {
  clockSkew,
  limitsReached,
  rejectionStorm,
  replayedHandshakes,
  replaysUnclaimed,
  signedRefused,
} from '../rules/unauthenticated.ts'
import { upstreamsDown } from '../rules/upstream.ts'
import { quotasReached, usersUnreadable } from '../rules/users.ts'

/** What each rule examines. A rule without an entry does not compile. */
const looks: Record<Exclude<RuleName, SelfRule>, (watch: Watch) => Finding[]> = {
  'connection-drops': connectionDrops,
  'stalled-sessions': stalledSessions,
  'datacenter-down': datacentersDown,
  'datacenter-slow': datacentersSlow,
  'upstream-down': upstreamsDown,
  'middle-proxies-away': middleProxiesAway,
  'rejection-storm': rejectionStorm,
  'replay-unclaimed': replaysUnclaimed,
  replays: replayedHandshakes,
  'signed-refused': signedRefused,
  'clock-skew': clockSkew,
  'limit-reached': limitsReached,
  'quota-reached': quotasReached,
  'event-loop': eventLoops,
  'host-cpu': hostCpu,
  'file-descriptors': fileDescriptors,
  'node-silent': silentNodes,
  'internal-error': internalErrors,
  'thread-died': threadsDied,
  'users-unreadable': usersUnreadable,
  'list-stale': listsStale,
  'events-lost': eventsLost,
  'names-refused': namesRefused,
  'dead-letters': deadLetters,
  'topic-replaced': topicReplaced,
  'collector-lag': collectorLag,
}

/** The findings of every rule now, one for each subject. */
export const examine = (watch: Watch): Finding[] => Object.values(looks).flatMap((look) => look(watch))
