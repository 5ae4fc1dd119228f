/**
 * Counts clients in memory that all threads share: a limit holds for the whole proxy, however the kernel spreads clients
 * over threads. Each thread also counts its own share, which is given back when it dies.
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

const CONNECTIONS = 0
const HANDSHAKES = 1
const UNAUTHENTICATED = 2
const KEPT = 3
const COUNTS = 4

/** The sums of all threads, then the share of each. */
export const capacityMemory = (workers: number): SharedArrayBuffer =>
  new SharedArrayBuffer((1 + workers) * COUNTS * Int32Array.BYTES_PER_ELEMENT)

const shareOf = (memory: SharedArrayBuffer, worker: number): Int32Array =>
  new Int32Array(memory, (1 + worker) * COUNTS * Int32Array.BYTES_PER_ELEMENT, COUNTS)

/** Gives back everything that a dead thread held. */
export const giveBack = (memory: SharedArrayBuffer, worker: number): void => {
  const sums = new Int32Array(memory)
  shareOf(memory, worker).forEach((held, count, share) => {
    Atomics.sub(sums, count, held)
    share[count] = 0
  })
}

/** Bytes kept for all clients that are in their handshake or wait for the masking host. */
export const KEPT_AT_MOST = 32 * 1_048_576

/** One thread's view of the counts in `memory`. */
export const capacity = (
  memory: SharedArrayBuffer,
  worker: number,
  maxConnections: number,
  maxHandshakes: number,
): Capacity => {
  const sums = new Int32Array(memory)
  const share = shareOf(memory, worker)
  // An unauthenticated client may stay for minutes: half of the places remain for users.
  const maxUnauthenticated = Math.max(1, Math.floor(maxConnections / 2))
  /** Returns the sum before. Only this thread writes its share. */
  const add = (count: number, by: number): number => {
    share[count]! += by
    return Atomics.add(sums, count, by)
  }
  /** Adds before it compares: two threads never both take the last place. */
  const take = (count: number, limit: number): boolean => {
    if (add(count, 1) < limit) return true
    add(count, -1)
    return false
  }
  return {
    enter: (first = false) => {
      if (!take(CONNECTIONS, maxConnections)) return 'connections'
      if (take(HANDSHAKES, first ? Number.POSITIVE_INFINITY : maxHandshakes)) return null
      add(CONNECTIONS, -1)
      return 'handshakes'
    },
    handshakeOver: () => void add(HANDSHAKES, -1),
    admitUnauthenticated: () => take(UNAUTHENTICATED, maxUnauthenticated),
    unauthenticatedLeft: () => void add(UNAUTHENTICATED, -1),
    leave: () => void add(CONNECTIONS, -1),
    keep: (bytes) => {
      if (add(KEPT, bytes) + bytes <= KEPT_AT_MOST || bytes <= 0) return true
      add(KEPT, -bytes)
      return false
    },
  }
}
