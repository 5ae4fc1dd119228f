import type { ProxyEvent, RefusalCount } from '../../../proxy/events/contract.ts'
import { isSignedRefusal } from '../../../proxy/events/signed-refusal.ts'
import type { Tally } from '../delta.ts'
import { labelled, slotOf, slots } from '../key.ts'

export const rejectionKeys = {
  rejected: 'rejected',
  rejectedFor: labelled('rejected'),
  fronted: 'fronted',
  /** Signed hellos refused for an unexpected reason: in all, by reason and by user. */
  signedRefused: 'signed-refused',
  signedRefusedFor: labelled('signed-refused'),
  signedRefusedOf: labelled('signed-refused.user'),
  /** By reason and user: handshakes whose secret is known. */
  rejectedOf: labelled('rejected.user'),
  /** Signed hellos: accepted ones; those whose clock is `ahead` of or `behind` ours, with their seconds and client slots. */
  signed: 'skew.ok',
  skewed: labelled('skew.n'),
  skewSeconds: labelled('skew.s'),
  skewSlot: labelled('skew.slot'),
  refused: labelled('limit'),
  /** PROXY protocol headers. */
  header: labelled('header'),
  /** Refusals of a user whose quota is used up. */
  quotaOf: labelled('quota'),
} as const

const k = rejectionKeys
// Bounds the weight of one client in the mean, such as one whose clock stands in 1970.
const mostSkewSeconds = 86_400

const rejected = (refusal: RefusalCount, tally: Tally): void => {
  const { reason, fronted, count, user } = refusal
  tally.ever(k.rejectedFor(reason), count)
  tally.tick(k.rejectedFor(reason), count)
  tally.tick(k.rejected, count)
  tally.minute(k.rejected, count)
  if (fronted) tally.ever(k.fronted, count)
  if (user !== undefined) tally.calendar(k.rejectedOf(`${reason}/${user}`), count)
  if (user !== undefined && reason === 'quota') tally.tick(k.quotaOf(user), count)
  if (isSignedRefusal(refusal)) signedRefused(refusal, tally)
}

const signedRefused = ({ reason, user = '', count }: RefusalCount, tally: Tally): void => {
  tally.tick(k.signedRefused, count)
  for (const key of [k.signedRefusedFor(reason), k.signedRefusedOf(user)]) {
    tally.ever(key, count)
    tally.tick(key, count)
  }
}

const sideOf = (seconds: number): string => (seconds > 0 ? 'ahead' : 'behind')

const skewed = (seconds: number, count: number, tally: Tally): void => {
  tally.tick(k.skewed(sideOf(seconds)), count)
  tally.tick(k.skewSeconds(sideOf(seconds)), Math.round(Math.abs(seconds)))
}

/** Refused handshakes that one event summarises. */
const summarised = (refusal: RefusalCount, tally: Tally): void => {
  rejected(refusal, tally)
  const { reason, count, skewSeconds, groups = [] } = refusal
  if (reason !== 'clock-skew' || skewSeconds === undefined) return
  skewed(skewSeconds, count, tally)
  for (const { group, count: hits } of groups) {
    tally.tick(k.skewSlot(`${sideOf(skewSeconds)}/${group % slots}`), hits)
  }
}

/** Refused handshakes by reason, signed hellos with a wrong time, and refusals by a limit. */
export const rejections = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'handshake.accepted':
      if (event.skewSeconds !== undefined) tally.tick(k.signed, 1)
      return tally
    case 'handshake.rejected':
      rejected({ ...event, count: 1 }, tally)
      if (event.reason === 'clock-skew' && event.skewSeconds !== undefined) {
        const seconds = Math.max(-mostSkewSeconds, Math.min(mostSkewSeconds, event.skewSeconds))
        skewed(seconds, 1, tally)
        tally.tick(k.skewSlot(`${sideOf(seconds)}/${slotOf(event.client)}`), 1)
      }
      return tally
    case 'connections.summarised':
      for (const refusal of event.refusals) summarised(refusal, tally)
      return tally
    case 'limit.refused':
      tally.ever(k.refused(event.limit), event.count)
      tally.tick(k.refused(event.limit), event.count)
      return tally
    case 'header.refused':
      tally.ever(k.header(event.reason), event.count)
      tally.tick(k.header(event.reason), event.count)
      return tally
    case 'connection.accepted':
    case 'datacenter.dialed':
    case 'datacenter.dial-failed':
    case 'upstream.failed':
    case 'connection.first-byte':
    case 'connection.progress':
    case 'connection.closed':
    case 'datacenter.probed':
    case 'process.started':
    case 'process.stopped':
    case 'process.sampled':
    case 'replay.unclaimed':
    case 'process.faulted':
    case 'networks.loaded':
    case 'thread.died':
    case 'events.lost':
    case 'middle-proxy.failed':
    case 'middle-proxy.probed':
    case 'middle-proxies.read':
    case 'api.changed':
    case 'config.reloaded':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
    case 'users.read':
      return tally
  }
}
