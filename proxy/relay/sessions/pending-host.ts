import type { Dialing, Link, LinkError, LinkEvents } from '../../net/link.ts'
import type { Session } from './session.ts'

/** The masking host of a client: dialed when it is rejected, or early, while it still keeps the proxy waiting. */
export type Early = {
  dialing: Dialing | null
  host: Link | null
  /** Handles the host's events until the client is judged. */
  readonly on: LinkEvents<Session>
  /** Whether it counts among the meetings. */
  readonly counted: boolean
  /** Bytes of the greeting that have gone to the host. */
  sent: number
  /** What the host did while that could not be passed on. */
  held: Buffer | null
  ended: boolean
  lost: LinkError | null
}

/** Bounds how many clients meet the masking host at the same time before they are judged: in all and of one address prefix. */
export type Meetings = { begin(prefix: number): boolean; end(prefix: number): void }

const PART = 1 / 4
const PART_OF_PREFIX = 1 / 16

export const meetings = (maxHandshakes: number): Meetings => {
  const counts = new Map<number, number>()
  let all = 0
  return {
    begin: (prefix) => {
      const count = counts.get(prefix) ?? 0
      if (all >= maxHandshakes * PART || count >= maxHandshakes * PART_OF_PREFIX) return false
      counts.set(prefix, count + 1)
      all++
      return true
    },
    end: (prefix) => {
      const count = counts.get(prefix)! - 1
      if (count === 0) counts.delete(prefix)
      else counts.set(prefix, count)
      all--
    },
  }
}

/** Sends what came meanwhile to the host, each byte once. */
export const forward = ({ early, greeting }: Session): void => {
  if (early === null || early.host === null || greeting === null) return
  early.host.write(greeting, early.sent, greeting.length)
  early.sent = greeting.length
}

/** The session no longer waits for a host, or has it for itself. */
export const endEarly = (session: Session): Early | null => {
  const { early } = session
  session.early = null
  if (early?.counted) session.relay.meetings.end(session.prefix)
  return early
}

/** The client is authenticated or gone: the host hears no more of it. */
export const dropEarly = (session: Session): void => {
  const early = endEarly(session)
  early?.dialing?.cancel()
  early?.host?.close()
}
