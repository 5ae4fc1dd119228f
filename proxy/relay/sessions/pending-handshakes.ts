import type { Handshake, PendingHandshakes, Session } from './session.ts'

/** The handshakes of one address prefix; first those whose clients have waited longest for their next step. */
type Group = Set<Handshake>

type Limits = {
  readonly handshakeTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly maxHandshakes: number
}

/** From the first to the last byte of a handshake, in handshake time-outs: 15 s by default. */
const PROGRESS_AT_MOST = 5
/** The part of the places that one address prefix keeps when they run out. */
const SHARE = 1 / 8

const first = (handshakes: Iterable<Handshake>): Session | null => {
  for (const { session } of handshakes) return session
  return null
}

/** Handshakes by address prefix. A heavy group is larger than `share`. */
const groupsOf = (share: number) => {
  const groups = new Map<number, Group>()
  const heavy = new Set<Group>()
  return {
    heavy,
    of: (prefix: number): Group | undefined => groups.get(prefix),
    join: (handshake: Handshake): void => {
      const { prefix } = handshake.session
      const group = groups.get(prefix) ?? new Set()
      if (group.size === 0) groups.set(prefix, group)
      group.add(handshake)
      if (group.size === share + 1) heavy.add(group)
    },
    part: (handshake: Handshake): void => {
      const { prefix } = handshake.session
      const group = groups.get(prefix)
      if (group === undefined || !group.delete(handshake)) return
      if (group.size === share) heavy.delete(group)
      if (group.size === 0) groups.delete(prefix)
    },
  }
}

const stopClock = (handshake: Handshake): void => {
  handshake.clock?.delete(handshake)
  handshake.clock = null
}

const startClock = (handshake: Handshake, on: Set<Handshake>, now: number): void => {
  stopClock(handshake)
  handshake.waitingSince = now
  handshake.clock = on
  on.add(handshake)
}

/** `on` is in the order in which its clocks run out. */
const expireBefore = (on: Set<Handshake>, before: number, expire: (session: Session) => void): void => {
  for (const { session, waitingSince } of on) {
    if (waitingSince > before) break
    expire(session)
  }
}

export const pendingHandshakes = (limits: Limits, clock: () => number): PendingHandshakes => {
  const { handshakeTimeoutMs, firstByteTimeoutMs } = limits
  const share = Math.max(1, Math.floor(limits.maxHandshakes * SHARE))
  const groups = groupsOf(share)
  const silent = new Set<Handshake>()
  const partial = new Set<Handshake>()
  const answered = new Set<Handshake>()
  let size = 0

  const fillsShare = (prefix: number): boolean => (groups.of(prefix)?.size ?? 0) >= share

  const victim = (prefix: number, agedMs: number): Session | null => {
    const own = groups.of(prefix)
    if (own !== undefined && fillsShare(prefix)) return first(own)
    for (const group of groups.heavy) return first(group)
    const before = clock() - agedMs
    const [longest, other] = [first(silent), first(partial)]
    if (longest !== null && longest.acceptedAt <= before) return longest
    return other !== null && other.acceptedAt <= before ? other : null
  }

  return {
    fillsShare,
    victim,
    get size() {
      return size
    },
    enter: (session) => {
      size++
      const handshake: Handshake = { session, clock: null, waitingSince: 0, firstByteAt: 0 }
      session.handshake = handshake
      groups.join(handshake)
      startClock(handshake, silent, clock())
    },
    progressed: ({ handshake }) => {
      if (handshake === null) return
      startClock(handshake, partial, clock())
      if (handshake.firstByteAt === 0) handshake.firstByteAt = handshake.waitingSince
    },
    answered: ({ handshake }) => {
      if (handshake === null) return
      groups.part(handshake)
      groups.join(handshake)
      handshake.firstByteAt = 0
      startClock(handshake, answered, clock())
    },
    suspend: ({ handshake }) => {
      if (handshake !== null) stopClock(handshake)
    },
    leave: (session) => {
      const { handshake } = session
      if (handshake === null) return false
      session.handshake = null
      size--
      groups.part(handshake)
      stopClock(handshake)
      return true
    },
    expireLate: (now, expire) => {
      expireBefore(silent, now - firstByteTimeoutMs, expire)
      expireBefore(answered, now - firstByteTimeoutMs, expire)
      expireBefore(partial, now - handshakeTimeoutMs, expire)
    },
    isTooSlow: ({ handshake }, now) =>
      handshake !== null &&
      handshake.clock === partial &&
      now - handshake.firstByteAt >= PROGRESS_AT_MOST * handshakeTimeoutMs,
  }
}
