const nothing = Buffer.alloc(0)

/**
 * Reads the fields of hostile bytes in order. A read beyond the end, or of half a number, returns nothing and clears `ok`
 * permanently: one check of `ok` before the values are used is enough.
 */
export class Reader {
  readonly #bytes: Buffer
  #at: number
  #ok = true

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  get ok(): boolean {
    return this.#ok
  }

  /** Advances by `size` bytes; false: they are not there. */
  #pass(size: number): boolean {
    if (!this.#ok || size < 0 || this.#at + size > this.#bytes.length) {
      this.#ok = false
      return false
    }
    this.#at += size
    return true
  }

  u8(): number {
    return this.#pass(1) ? this.#bytes[this.#at - 1]! : 0
  }

  u16(): number {
    return this.#pass(2) ? this.#bytes.readUInt16BE(this.#at - 2) : 0
  }

  u24(): number {
    return this.#pass(3) ? this.#bytes.readUIntBE(this.#at - 3, 3) : 0
  }

  /** A view, not a copy. */
  take(size: number): Buffer {
    return this.#pass(size) ? this.#bytes.subarray(this.#at - size, this.#at) : nothing
  }

  /** The uint16 values in the next `size` bytes. */
  numbers(size: number): number[] {
    const list: number[] = []
    if (size % 2 !== 0) this.#ok = false
    for (let i = 0; i < size && this.#ok; i += 2) list.push(this.u16())
    return list
  }
}
