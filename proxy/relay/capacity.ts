/**
 * How many clients there are, in memory that all threads share: a limit holds for the proxy, however the kernel spread
 * its clients over the threads. A thread that dies takes the proxy with it, so nothing has to be counted back.
 */
export type Room = {
  /** Takes a place for a client that greets, or returns what is full; `first`: the first of a thread is let in. */
  enter(first?: boolean): 'connections' | 'handshakes' | null
  /** A client that entered no longer greets. */
  greeted(): void
  /** Takes a place among those who are no clients, within the place it has; false: there is none left. */
  admitUnauthenticated(): boolean
  /** A stranger that got one goes. */
  unauthenticatedLeft(): void
  leave(): void
  /** Adds to the bytes kept for unauthenticated clients, or takes from them; false: they would be too many. */
  keep(bytes: number): boolean
}

export const roomMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT)

const CONNECTIONS = 0
const HANDSHAKES = 1
const UNAUTHENTICATED = 2
const KEPT = 3

/** Of all clients together that are not judged yet or wait for the masking host. */
export const KEPT_AT_MOST = 32 * 1_048_576

/** The room in `memory`, as one thread sees it. */
export const room = (memory: SharedArrayBuffer, maxConnections: number, maxHandshakes: number): Room => {
  const counts = new Int32Array(memory)
  // A stranger may stay for minutes: as many as care to come leave half of the places to users.
  const maxUnauthenticated = Math.max(1, Math.floor(maxConnections / 2))
  /** Counted first and looked at then: two threads never both take the last place. */
  const take = (what: number, most: number): boolean => {
    if (Atomics.add(counts, what, 1) < most) return true
    Atomics.sub(counts, what, 1)
    return false
  }
  return {
    enter: (first = false) => {
      if (!take(CONNECTIONS, maxConnections)) return 'connections'
      if (take(HANDSHAKES, first ? Number.POSITIVE_INFINITY : maxHandshakes)) return null
      Atomics.sub(counts, CONNECTIONS, 1)
      return 'handshakes'
    },
    greeted: () => void Atomics.sub(counts, HANDSHAKES, 1),
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
