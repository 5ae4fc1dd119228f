import type { ProxyEvent } from '../../proxy/events/contract.ts'
import type { Tally } from '../delta.ts'
import { labelled, slotOf } from '../key.ts'

export const rejectionKeys = {
  rejected: 'rejected',
  rejectedFor: labelled('rejected'),
  fronted: 'fronted',
  /** Signed ClientHellos: accepted ones, and those from `ahead` of or `behind` our clock with their seconds and clients. */
  signed: 'skew.ok',
  skewed: labelled('skew.n'),
  skewSeconds: labelled('skew.s'),
  skewSlot: labelled('skew.slot'),
  refused: labelled('limit'),
} as const

const k = rejectionKeys
// One client from 1970 must not carry the mean away.
const mostSkewSeconds = 86_400

const skewed = (seconds: number, client: string, tally: Tally): void => {
  const side = seconds > 0 ? 'ahead' : 'behind'
  tally.tick(k.skewed(side), 1)
  tally.tick(k.skewSeconds(side), Math.min(mostSkewSeconds, Math.round(Math.abs(seconds))))
  tally.tick(k.skewSlot(`${side}/${slotOf(client)}`), 1)
}

/** Who was not let in, and why; signed hellos from another time; refusals by a limit. */
export const rejections = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'handshake.accepted':
      if (event.skewSeconds !== undefined) tally.tick(k.signed, 1)
      return tally
    case 'handshake.rejected':
      tally.ever(k.rejectedFor(event.reason), 1)
      tally.tick(k.rejectedFor(event.reason), 1)
      tally.tick(k.rejected, 1)
      tally.minute(k.rejected, 1)
      if (event.fronted) tally.ever(k.fronted, 1)
      if (event.reason === 'clock-skew' && event.skewSeconds !== undefined) {
        skewed(event.skewSeconds, event.client, tally)
      }
      return tally
    case 'limit.refused':
      tally.ever(k.refused(event.limit), event.count)
      tally.tick(k.refused(event.limit), event.count)
      return tally
    case 'connection.accepted':
    case 'datacenter.dialed':
    case 'datacenter.dial-failed':
    case 'connection.first-byte':
    case 'connection.progress':
    case 'connection.closed':
    case 'datacenter.probed':
    case 'process.started':
    case 'process.stopped':
    case 'process.sampled':
    case 'replay.unclaimed':
    case 'events.lost':
    case 'config.reloaded':
      return tally
  }
}
