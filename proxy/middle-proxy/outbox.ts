import type { Link } from '../net/link.ts'

/** Bytes for a link that many write to. A link copies all that it keeps with each write: here they wait as they came. */
export class Outbox {
  readonly #link: Link
  #waiting: Buffer[] = []
  #bytes = 0

  constructor(link: Link) {
    this.#link = link
  }

  get unsent(): number {
    return this.#link.unsent + this.#bytes
  }

  write(buffer: Buffer, start: number, end: number): void {
    if (this.unsent === 0) return void this.#link.write(buffer, start, end)
    this.#waiting.push(Buffer.from(buffer.subarray(start, end)))
    this.#bytes += end - start
  }

  /** The link has sent all that it kept. */
  drained(): void {
    const all = Buffer.concat(this.#waiting)
    this.clear()
    this.#link.write(all, 0, all.length)
  }

  clear(): void {
    this.#waiting = []
    this.#bytes = 0
  }
}
