/** Smaller buffers are made for one use; 2^15 is the smallest one that is kept. */
const LEAST = 32 << 10
/** Bytes that are kept at most. */
const MOST = 4 << 20

/**
 * Buffers that are used again: memory of this size that is made for each message costs the collector of garbage more than
 * the message costs. Sizes are powers of two.
 */
export class Spare {
  readonly #bySize = new Map<number, Buffer[]>()
  #bytes = 0

  /** At least `bytes` long. Its content is old. */
  take(bytes: number): Buffer {
    if (bytes <= LEAST / 2) return Buffer.allocUnsafeSlow(bytes)
    const size = Math.max(LEAST, 2 ** Math.ceil(Math.log2(bytes)))
    const kept = this.#bySize.get(size)?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(size)
    this.#bytes -= size
    return kept
  }

  /** The caller uses it no more. */
  give(buffer: Buffer): void {
    const { length } = buffer
    if (length < LEAST || this.#bytes + length > MOST) return
    this.#bytes += length
    const same = this.#bySize.get(length)
    if (same === undefined) this.#bySize.set(length, [buffer])
    else same.push(buffer)
  }
}
