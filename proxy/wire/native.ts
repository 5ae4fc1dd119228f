import { createRequire } from 'node:module'
import { type Areas, addressBook, checkedCalls } from './addresses.ts'

type Ffi = typeof import('node:ffi')

/**
 * Node's foreign function interface (stability 1, Node ≥ 26.1), or null where it is missing or switched off.
 * Every use has a portable twin, and a test compares the two.
 */
export const ffi: Ffi | null = (() => {
  // Suppresses its "experimental" warning, one for each thread: an operator can do nothing about it.
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return createRequire(import.meta.url)('node:ffi') as Ffi
  } catch {
    return null
  } finally {
    process.emitWarning = emitWarning
  }
})()

let lastBuffer: ArrayBufferLike | undefined
let lastOffset = -1
let lastPointer = 0n

const addressOf = (memory: ArrayBufferLike): bigint => ffi!.getRawPointer(memory as ArrayBuffer)

const fastPointer = (buffer: Uint8Array, offset: number): bigint => {
  const at = buffer.byteOffset + offset
  const memory = buffer.buffer
  if (memory !== lastBuffer) {
    lastBuffer = memory
    lastOffset = at
    lastPointer = addressOf(memory) + BigInt(at)
  } else if (at !== lastOffset) {
    lastPointer += BigInt(at - lastOffset)
    lastOffset = at
  }
  return lastPointer
}

/** Tests set MTSCOPE_CHECK_ADDRESSES: each address that C gets is checked, see `addresses.ts`. Decided once, so that it costs nothing. */
const book = process.env.MTSCOPE_CHECK_ADDRESSES === undefined ? null : addressBook(addressOf)

/**
 * The address of `buffer[offset]`, valid as long as the buffer lives: backing stores do not move (reading `.buffer` takes a
 * small array off V8's moving heap). Keeps the buffer alive until the next call, so a C function may get one such address,
 * not two. Cached, because the hot path asks for the same place again and again.
 */
export const pointer: typeof fastPointer =
  book === null
    ? fastPointer
    : (buffer, offset) => {
        book.given(buffer)
        return fastPointer(buffer, offset)
      }

/** The address of `buffer[0]`. The caller keeps the buffer alive as long as it uses the address. */
export const lastingPointer = (buffer: Uint8Array): bigint => {
  book?.lasting(buffer)
  return addressOf(buffer.buffer) + BigInt(buffer.byteOffset)
}

/** `functions`, or in the debug mode functions that check their areas before each call. */
export const checkedIfAsked = <Functions extends object>(
  functions: Functions,
  areas: Areas<Functions>,
): Functions => (book === null ? functions : checkedCalls(functions, areas, book.check))
