import { apiActions } from './api-action.ts'
import { type Check, oneOf } from './checks.ts'
import type {
  CloseReason,
  Direction,
  Family,
  Limit,
  LossReason,
  MiddleProxyDocument,
  Mode,
  NetworkList,
  Phase,
  ReadError,
  RejectReason,
  Side,
  Transport,
} from './contract.ts'
import type { DeathReason } from './sample.ts'
import { limitRejections } from './signed-refusal.ts'
import type { UsersProblem } from './user-event.ts'

// The members of the closed sets, and their checks.

export const yes: Check<true> = (value): value is true => value === true
export const mode = oneOf<Mode>({ classic: true, secure: true, tls: true })
export const transport = oneOf<Transport>({ abridged: true, intermediate: true, 'padded-intermediate': true })
export const family = oneOf<Family>({ ipv4: true, ipv6: true })
export const side = oneOf<Side>({ client: true, datacenter: true, proxy: true })
export const phase = oneOf<Phase>({ hello: true, dial: true, waiting: true, relaying: true, fronting: true })
export const direction = oneOf<Direction>({ 'to-client': true, 'to-datacenter': true })
export const limits: Readonly<Record<Limit, true>> = {
  connections: true,
  handshakes: true,
  strangers: true,
  'file-descriptors': true,
  'middle-proxy-queue': true,
}
export const limit = oneOf(limits)
export const action = oneOf<'local' | 'refuse'>({ local: true, refuse: true })
export const losses: Readonly<Record<LossReason, true>> = {
  'worker-queue': true,
  'log-full': true,
  'log-bounds': true,
  unreadable: true,
}
export const loss = oneOf(losses)
export const apiAction = oneOf(apiActions)
export const usersProblems: Readonly<Record<UsersProblem, true>> = {
  file: true,
  record: true,
  key: true,
  clash: true,
  empty: true,
  kafka: true,
}
export const usersProblem = oneOf(usersProblems)

export const deathReasons: Readonly<Record<DeathReason, true>> = {
  'out-of-memory': true,
  failed: true,
  exited: true,
}
export const death = oneOf(deathReasons)
export const rejections: Readonly<Record<RejectReason, true>> = {
  'bad-digest': true,
  'unknown-user': true,
  'unknown-sni': true,
  'mode-off': true,
  'unknown-dc': true,
  'clock-skew': true,
  blocked: true,
  replayed: true,
  unclaimed: true,
  'malformed-hello': true,
  'not-mtproto': true,
  ...limitRejections,
  timeout: true,
}
export const rejection = oneOf(rejections)
export const closing = oneOf<CloseReason>({
  ...rejections,
  done: true,
  reset: true,
  refused: true,
  idle: true,
  stalled: true,
  upstream: true,
  limit: true,
  drain: true,
  removed: true,
  internal: true,
})
export const middleProxyDocuments: Readonly<Record<MiddleProxyDocument, true>> = {
  config: true,
  'config-v6': true,
  secret: true,
}
export const middleProxyDocument = oneOf(middleProxyDocuments)
export const readError = oneOf<ReadError>({
  timeout: true,
  unreachable: true,
  status: true,
  'too-long': true,
  malformed: true,
  implausible: true,
})
export const networkList = oneOf<NetworkList>({ block: true, allow: true })
