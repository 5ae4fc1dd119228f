import { type AddressBook, addressBook, addressesMemory, type Region } from './addresses.ts'

/**
 * Counts of users with limits, in memory that all threads share. A user has a slot; the main thread assigns it. Untouched
 * pages take no memory.
 */

/** Users with limits, at most. */
export const SLOTS = 65_536

export type CountsMemory = {
  readonly slots: SharedArrayBuffer
  readonly addresses: SharedArrayBuffer
}

/** Why a user is stopped, by its code in the memory. */
export const stops = [null, 'disabled', 'expired', 'quota'] as const
export type Stop = Exclude<(typeof stops)[number], null>

// Words of a slot. The bytes take two, at an even place.
const CONNECTIONS = 0
const STOP = 1
const BYTES = 2
const LOCK = 4
/** The moment at which the bytes of a direction are earned, see `rate.ts`. */
export const RATE_UP = 5
export const RATE_DOWN = 6
const SHARED = 8

const strideOf = (workers: number): number => SHARED + workers + (workers % 2)

export const countsMemory = (workers: number): CountsMemory => ({
  slots: new SharedArrayBuffer(SLOTS * strideOf(workers) * 4),
  addresses: addressesMemory(),
})

export type UserCounts = {
  /** Counts a connection; false, and not counted: `most` are open. Null: counts it in any case. */
  enter(slot: number, most: number | null): boolean
  leave(slot: number): void
  connections(slot: number): number
  stopOf(slot: number): Stop | null
  stop(slot: number, why: Stop | null): void
  addBytes(slot: number, bytes: number): void
  /** Since the slot was taken. */
  bytes(slot: number): number
  /** `see` of the address book, by one thread at a time for each slot. */
  see(slot: number, ...of: Parameters<AddressBook['see']>): boolean
  readonly addresses: AddressBook
  /** Makes a slot and its region new. Only for the main thread, and while no connection is counted. */
  clear(slot: number, region: Region | null): void
  /** Takes the connections of a dead thread from all counts. */
  giveBack(worker: number): void
  /** The place of a word of a slot. */
  at(slot: number, word: number): number
  readonly words: Int32Array
}

/** A lock is held for microseconds, unless the kernel suspends its thread; after so long its holder counts as dead. */
const SPINS = 10_000

const lock = (words: Int32Array, at: number): void => {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.compareExchange(words, at, 0, 1) === 0) return
}

/** The counts for one thread; the main thread has no number. */
export const userCounts = (memory: CountsMemory, workers: number, worker = 0): UserCounts => {
  const words = new Int32Array(memory.slots)
  const bytes = new BigInt64Array(memory.slots)
  const addresses = addressBook(memory.addresses)
  const stride = strideOf(workers)
  const at = (slot: number, word: number): number => slot * stride + word
  /** Only this thread writes its share. */
  const add = (slot: number, by: number): number => {
    words[at(slot, SHARED + worker)]! += by
    return Atomics.add(words, at(slot, CONNECTIONS), by)
  }
  return {
    words,
    at,
    addresses,
    // Counts before it compares: two threads never both take the last place.
    enter: (slot, most) => {
      if (add(slot, 1) < (most ?? Number.POSITIVE_INFINITY)) return true
      add(slot, -1)
      return false
    },
    leave: (slot) => void add(slot, -1),
    connections: (slot) => Atomics.load(words, at(slot, CONNECTIONS)),
    stopOf: (slot) => stops[Atomics.load(words, at(slot, STOP))] ?? null,
    stop: (slot, why) => void Atomics.store(words, at(slot, STOP), stops.indexOf(why)),
    addBytes: (slot, count) => void Atomics.add(bytes, at(slot, BYTES) / 2, BigInt(count)),
    bytes: (slot) => Number(Atomics.load(bytes, at(slot, BYTES) / 2)),
    see: (slot, ...of) => {
      lock(words, at(slot, LOCK))
      const seen = addresses.see(...of)
      Atomics.store(words, at(slot, LOCK), 0)
      return seen
    },
    clear: (slot, region) => {
      words.fill(0, at(slot, 0), at(slot + 1, 0))
      if (region !== null) addresses.clear(region)
    },
    giveBack: (dead) => {
      for (let place = 0; place < words.length; place += stride) {
        const held = words[place + SHARED + dead]!
        if (held === 0) continue
        Atomics.sub(words, place + CONNECTIONS, held)
        words[place + SHARED + dead] = 0
      }
    },
  }
}
