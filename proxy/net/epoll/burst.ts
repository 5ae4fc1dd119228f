const BURST_READS = 4
const BURST_MS = 4
const [FULL_PACKET, FEW_PACKETS] = [1_000, 8_192]
/** 11 Mbit/s in rests of 3 ms. */
const WORTH_RESTING = 4_096
/** A link that fills its buffer during a rest is too fast for it: the sender would wait for our window. ms. */
const RESTLESS_MS = 100

/**
 * Decides when a link in bulk whose bytes come packet by packet is read by time, as network cards moderate their interrupts.
 * While it rests, epoll does not watch it, and no packet wakes the thread.
 */
export class Burst {
  #reads = 0
  /** Start of the running burst; in the future for a link that is too fast to rest. */
  #at = 0

  /** Counts a read at `now` (ms); true: it completes a burst of reads of full packets, and the link rests. */
  begins(bytes: number, now: number): boolean {
    if (bytes >= FEW_PACKETS) return false
    // A short message ends the burst.
    if (bytes < FULL_PACKET || now - this.#at >= BURST_MS) {
      this.#at = Math.max(now, this.#at)
      this.#reads = 0
    }
    if (++this.#reads < BURST_READS || now < this.#at) return false
    this.#reads = 0
    return true
  }

  /** Whether the link rests again after a rest in which `bytes` have come; `room` is the size of a read. */
  goesOn(bytes: number, room: number, now: number): boolean {
    if (bytes >= room) this.#at = now + RESTLESS_MS
    return bytes >= WORTH_RESTING && bytes < room
  }
}

const REST_MS = 3

/** The resting links of a thread. All of them end their rest at the same time, so that it wakes up once. */
export class Rests {
  #links: { rested(): void }[] = []
  until = Number.POSITIVE_INFINITY

  begin(link: { rested(): void }, now: number): void {
    if (this.#links.length === 0) this.until = now + REST_MS
    this.#links.push(link)
  }

  /** Calls `rested` of each link, once their time has come; false: it has not. */
  end(now: number): boolean {
    if (now < this.until) return false
    const links = this.#links
    this.#links = []
    this.until = Number.POSITIVE_INFINITY
    for (const link of links) link.rested()
    return true
  }
}
