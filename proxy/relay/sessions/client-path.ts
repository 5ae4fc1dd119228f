import type { ClientPath } from '../../events/sample.ts'
import type { Path } from '../../net/link.ts'
import { ms, type Relayed, type Session } from './session.ts'

/** A connection that is younger and moved fewer bytes to the client is not measured at its close: little is known of it. */
const YOUNG_MS = 2_000
const FEW_BYTES = 65_536
/** A client is slow when its network needs longer than this for what the kernel has not sent; ms. */
const SLOW_MS = 250

/** Fields for an event, from `path`, else from the last measurement. */
export const measured = (relayed: Relayed, path: Path | null): ClientPath => {
  relayed.path = path ?? relayed.path
  if (relayed.path === null) return {}
  const { rttMs, segments, retransmits, deliveryRate } = relayed.path
  return {
    clientRttMs: ms(rttMs),
    clientSegments: segments,
    clientRetransmits: retransmits,
    ...(deliveryRate > 0 ? { clientDeliveryRate: deliveryRate } : {}),
  }
}

/** Fields for the event of the close. A client that was reset has its last measurement. */
export const measureAtClose = ({
  relay,
  relayed,
  client,
  acceptedAt,
  bytesToClient,
}: Session): ClientPath => {
  if (relayed === null) return {}
  const isShort = relay.clock() - acceptedAt < YOUNG_MS && bytesToClient < FEW_BYTES
  return measured(relayed, isShort ? null : client.path())
}

/**
 * Limits what the kernel takes for a client that does not keep up: megabytes wait there otherwise, and a new message waits
 * behind them. Only for slow clients: on a fast path the limit costs up to half more CPU, because each write is cut.
 */
export const limitSlow = (relayed: Relayed): void => {
  const { client, relay } = relayed.session
  const limit = relay.settings.notSentBytes
  if (relayed.notSentLimited || limit === 0 || client.unsent === 0) return
  const path = client.path()
  if (path === null || path.notSent <= limit) return
  if (path.notSent * 1_000 < path.deliveryRate * SLOW_MS) return
  relayed.notSentLimited = true
  client.limitNotSent(limit)
}
