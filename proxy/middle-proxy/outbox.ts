import type { Link } from '../net/link.ts'
import type { Spare } from './spare.ts'

const BLOCK = 128 << 10

type Block = { readonly bytes: Buffer; end: number }

/**
 * Bytes for a link that many write to. A link copies all that it keeps with each write: here they wait in blocks that are
 * used again, and the link gets the next block when it has sent the one before.
 */
export class Outbox {
  readonly #link: Link
  readonly #spare: Spare
  readonly #blocks: Block[] = []
  #bytes = 0

  constructor(link: Link, spare: Spare) {
    this.#link = link
    this.#spare = spare
  }

  get unsent(): number {
    return this.#link.unsent + this.#bytes
  }

  write(buffer: Buffer, start: number, end: number): void {
    if (this.unsent === 0) return void this.#link.write(buffer, start, end)
    this.#bytes += end - start
    for (let at = start; at < end; ) {
      const block = this.#room()
      const copied = buffer.copy(block.bytes, block.end, at, end)
      block.end += copied
      at += copied
    }
  }

  /** The last block, or a new one if it is full. */
  #room(): Block {
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.end < last.bytes.length) return last
    const block = { bytes: this.#spare.take(BLOCK), end: 0 }
    this.#blocks.push(block)
    return block
  }

  /** The link has sent all that it kept. */
  drained(): void {
    while (this.#blocks.length > 0 && this.#link.unsent === 0 && !this.#link.closed) {
      const { bytes, end } = this.#blocks.shift()!
      this.#bytes -= end
      this.#link.write(bytes, 0, end)
      this.#spare.give(bytes)
    }
  }

  clear(): void {
    for (const { bytes } of this.#blocks.splice(0)) this.#spare.give(bytes)
    this.#bytes = 0
  }
}
