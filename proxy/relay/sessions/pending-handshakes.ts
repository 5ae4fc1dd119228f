import type { Session } from './session.ts'

/** The clients of one address prefix that still greet; first those that have waited longest for their next step. */
type Group = Set<Session>

/**
 * The clients of a thread whose handshake is not complete. Three clocks run, one for each client: to its first byte,
 * from byte to byte, and from ServerHello to the first data. When places run out the door names who has to go.
 */
export type Door = {
  readonly size: number
  /** A client was accepted and has sent nothing. */
  enter(session: Session): void
  /** Bytes of an incomplete handshake came. */
  progressed(session: Session): void
  /** ServerHello went out: the first data may come as late as a first byte. */
  answered(session: Session): void
  /** No clock runs while all proxies are asked about its handshake. */
  held(session: Session): void
  /** False: it has left before. */
  leave(session: Session): boolean
  /** Calls `expire` for each client that is late. */
  late(now: number, expire: (session: Session) => void): void
  /** Whether a client that keeps sending a little has used up its time. */
  dawdles(session: Session, now: number): boolean
  /**
   * The client that goes when one of `prefix` comes and no place is left: of a prefix that has more than its share (a
   * secret may be public), else the unauthenticated one that has been silent longest, if for `agedMs` at least.
   */
  victim(prefix: number, agedMs: number): Session | null
  /** Whether a prefix has its share of the places, or more. */
  crowds(prefix: number): boolean
}

export type DoorSettings = { handshakeTimeoutMs: number; firstByteTimeoutMs: number; maxHandshakes: number }

/** From the first to the last byte of a handshake, in handshake time-outs: 15 s by default. */
const PROGRESS_AT_MOST = 5
/** One address prefix keeps this part of the places when they run out. */
const SHARE = 1 / 8

const first = (sessions: Iterable<Session>): Session | null => {
  for (const session of sessions) return session
  return null
}

export const door = (settings: DoorSettings, clock: () => number): Door => {
  const { handshakeTimeoutMs, firstByteTimeoutMs } = settings
  const share = Math.max(1, Math.floor(settings.maxHandshakes * SHARE))
  // Each set is in the order in which its clocks run out.
  const silent = new Set<Session>()
  const partial = new Set<Session>()
  const answered = new Set<Session>()
  const groups = new Map<number, Group>()
  const heavy = new Set<Group>()
  let size = 0

  const join = (session: Session): void => {
    const group = groups.get(session.prefix) ?? new Set()
    if (group.size === 0) groups.set(session.prefix, group)
    group.add(session)
    if (group.size === share + 1) heavy.add(group)
  }
  const part = (session: Session): void => {
    const group = groups.get(session.prefix)
    if (group === undefined || !group.delete(session)) return
    if (group.size === share) heavy.delete(group)
    if (group.size === 0) groups.delete(session.prefix)
  }
  const stopClock = (session: Session): void => {
    session.clock?.delete(session)
    session.clock = null
  }
  const startClock = (session: Session, on: Set<Session>): void => {
    stopClock(session)
    session.waitsSince = clock()
    session.clock = on
    on.add(session)
  }
  const overdue = (on: Set<Session>, before: number, expire: (session: Session) => void): void => {
    for (const session of on) {
      if (session.waitsSince > before) break
      expire(session)
    }
  }

  const crowds = (prefix: number): boolean => (groups.get(prefix)?.size ?? 0) >= share

  return {
    crowds,
    get size() {
      return size
    },
    enter: (session) => {
      size++
      session.greets = true
      join(session)
      startClock(session, silent)
    },
    progressed: (session) => {
      startClock(session, partial)
      if (session.firstByteAt === 0) session.firstByteAt = session.waitsSince
    },
    answered: (session) => {
      part(session)
      join(session)
      session.firstByteAt = 0
      startClock(session, answered)
    },
    held: stopClock,
    leave: (session) => {
      if (!session.greets) return false
      session.greets = false
      size--
      part(session)
      stopClock(session)
      return true
    },
    late: (now, expire) => {
      overdue(silent, now - firstByteTimeoutMs, expire)
      overdue(answered, now - firstByteTimeoutMs, expire)
      overdue(partial, now - handshakeTimeoutMs, expire)
    },
    dawdles: ({ clock: on, firstByteAt }, now) =>
      on === partial && now - firstByteAt >= PROGRESS_AT_MOST * handshakeTimeoutMs,
    victim: (prefix, agedMs) => {
      const own = groups.get(prefix)
      if (own !== undefined && crowds(prefix)) return first(own)
      for (const group of heavy) return first(group)
      const before = clock() - agedMs
      const [longest, other] = [first(silent), first(partial)]
      if (longest !== null && longest.acceptedAt <= before) return longest
      return other !== null && other.acceptedAt <= before ? other : null
    },
  }
}
