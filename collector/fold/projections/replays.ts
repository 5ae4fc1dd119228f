import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { Tally } from '../delta.ts'
import { labelled, slotOf, slots } from '../key.ts'

export const replayKeys = {
  replays: 'replays',
  slot: labelled('replays.slot'),
  /** Handshakes whose claim the shared cache did not answer. */
  unclaimed: 'replays.unclaimed',
} as const

/** Replays: handshakes that were recorded and are sent again, to find out how the server answers. */
export const replays = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'handshake.rejected':
      if (event.reason !== 'replayed') return tally
      tally.ever(replayKeys.replays, 1)
      tally.tick(replayKeys.replays, 1)
      tally.tick(replayKeys.slot(slotOf(event.client)), 1)
      return tally
    case 'connections.summarised':
      for (const { reason, count, groups = [] } of event.refusals) {
        if (reason !== 'replayed') continue
        tally.ever(replayKeys.replays, count)
        tally.tick(replayKeys.replays, count)
        for (const { group, count: hits } of groups) tally.tick(replayKeys.slot(group % slots), hits)
      }
      return tally
    case 'replay.unclaimed':
      tally.ever(replayKeys.unclaimed, event.count)
      tally.tick(replayKeys.unclaimed, event.count)
      return tally
    case 'connection.accepted':
    case 'handshake.accepted':
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
    case 'header.refused':
    case 'limit.refused':
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
