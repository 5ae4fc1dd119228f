/** Client addresses of users, by hash, in memory that all threads share. The owner of a region locks it. */

/** Addresses of all users with a limit of addresses, at most. */
export const ADDRESSES = 1_048_576

/** Words of an address: the two of its hash, and when it was last seen, s. */
const WORDS = 3

export const addressesMemory = (): SharedArrayBuffer => new SharedArrayBuffer(ADDRESSES * WORDS * 4)

/** A part of the memory, with a place for each address that a user may have. `first` is the number of its first place. */
export type Region = { readonly first: number; readonly length: number }

export const addressBook = (memory: SharedArrayBuffer) => {
  const words = new Int32Array(memory)

  /** Notes an address (8 bytes of its hash) as seen; false: all places have others seen within `windowS`. */
  const see = ({ first, length }: Region, hash: Buffer, now: number, windowS: number): boolean => {
    const [a, b] = [hash.readInt32LE(0), hash.readInt32LE(4)]
    let free = -1
    for (let at = first * WORDS, end = at + length * WORDS; at < end; at += WORDS) {
      const fresh = words[at + 2]! > now - windowS
      if (fresh && words[at] === a && words[at + 1] === b) {
        words[at + 2] = now
        return true
      }
      if (!fresh && free < 0) free = at
    }
    if (free < 0) return false
    words[free] = a
    words[free + 1] = b
    words[free + 2] = now
    return true
  }

  /** The addresses that were seen after `since` (s), each as hex and its time. */
  const list = ({ first, length }: Region, since: number): [hash: string, seen: number][] => {
    const found: [string, number][] = []
    const hash = Buffer.alloc(8)
    for (let at = first * WORDS, end = at + length * WORDS; at < end; at += WORDS) {
      const seen = words[at + 2]!
      if (seen <= since) continue
      hash.writeInt32LE(words[at]!, 0)
      hash.writeInt32LE(words[at + 1]!, 4)
      found.push([hash.toString('hex'), seen])
    }
    return found
  }

  const clear = ({ first, length }: Region): void => {
    words.fill(0, first * WORDS, (first + length) * WORDS)
  }

  /** Copies the addresses of a region that becomes larger or smaller, the newest first. */
  const move = (from: Region | null, to: Region): void => {
    clear(to)
    const moved = from === null ? [] : list(from, 0).sort(([, a], [, b]) => b - a)
    // The window reaches back to 0: each of them finds a place of its own.
    for (const [hash, seen] of moved.slice(0, to.length)) see(to, Buffer.from(hash, 'hex'), seen, seen)
  }

  return { see, list, clear, move }
}

export type AddressBook = ReturnType<typeof addressBook>
