import type { EarlyHosts, PendingHost, Session } from './session.ts'

/** Shares of MAX_HANDSHAKES. */
const SHARE = 1 / 4
const SHARE_OF_PREFIX = 1 / 16

export const earlyHosts = (maxHandshakes: number): EarlyHosts => {
  const counts = new Map<number, number>()
  let all = 0
  return {
    begin: (prefix) => {
      const count = counts.get(prefix) ?? 0
      if (all >= maxHandshakes * SHARE || count >= maxHandshakes * SHARE_OF_PREFIX) return false
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

/** Forwards received bytes to the host, each byte once. */
export const forward = ({ pendingHost, received }: Session): void => {
  if (pendingHost === null || pendingHost.link === null || received === null) return
  pendingHost.link.write(received, pendingHost.sent, received.length)
  pendingHost.sent = received.length
}

/** Takes the pending host out of the session. */
export const takeHost = (session: Session): PendingHost | null => {
  const { pendingHost } = session
  session.pendingHost = null
  if (pendingHost?.early) session.relay.earlyHosts.end(session.prefix)
  return pendingHost
}

/** Closes the connection to the host: the client is authenticated or gone. */
export const dropHost = (session: Session): void => {
  const host = takeHost(session)
  host?.dialing?.cancel()
  host?.link?.close()
}
