/**
 * Counts clients in memory that all threads share: a limit holds for the whole proxy, however the kernel spreads clients
 * over threads. A thread that dies ends the proxy, so its counts need no correction.
 */
export type Capacity = {
  /** Takes a place for a client in its handshake, or returns the limit that is reached. `first` of a thread always fits. */
  enter(first?: boolean): 'connections' | 'handshakes' | null
  /** A client's handshake is complete or rejected. */
  handshakeOver(): void
  /** Takes one of the places for unauthenticated clients, next to the client's own place; false: none is left. */
  admitUnauthenticated(): boolean
  /** An admitted unauthenticated client has left. */
  unauthenticatedLeft(): void
  leave(): void
  /** Adds to the bytes kept for unauthenticated clients, or subtracts; false: the limit is reached. */
  keep(bytes: number): boolean
}

export const capacityMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT)

const CONNECTIONS = 0
const HANDSHAKES = 1
const UNAUTHENTICATED = 2
const KEPT = 3

/** Bytes kept for all clients that are in their handshake or wait for the masking host. */
export const KEPT_AT_MOST = 32 * 1_048_576

/** One thread's view of the counts in `memory`. */
export const capacity = (
  memory: SharedArrayBuffer,
  maxConnections: number,
  maxHandshakes: number,
): Capacity => {
  const counts = new Int32Array(memory)
  // An unauthenticated client may stay for minutes: half of the places remain for users.
  const maxUnauthenticated = Math.max(1, Math.floor(maxConnections / 2))
  /** Adds before it compares: two threads never both take the last place. */
  const take = (count: number, limit: number): boolean => {
    if (Atomics.add(counts, count, 1) < limit) return true
    Atomics.sub(counts, count, 1)
    return false
  }
  return {
    enter: (first = false) => {
      if (!take(CONNECTIONS, maxConnections)) return 'connections'
      if (take(HANDSHAKES, first ? Number.POSITIVE_INFINITY : maxHandshakes)) return null
      Atomics.sub(counts, CONNECTIONS, 1)
      return 'handshakes'
    },
    handshakeOver: () => void Atomics.sub(counts, HANDSHAKES, 1),
    admitUnauthenticated: () => take(UNAUTHENTICATED, maxUnauthenticated),
    unauthenticatedLeft: () => void Atomics.sub(counts, UNAUTHENTICATED, 1),
    leave: () => void Atomics.sub(counts, CONNECTIONS, 1),
    keep: (bytes) => {
      if (Atomics.add(counts, KEPT, bytes) + bytes <= KEPT_AT_MOST || bytes <= 0) return true
      Atomics.sub(counts, KEPT, bytes)
      return false
    },
  }
}
