import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressBook, checkedCalls } from './addresses.ts'

/** A book over memory that the test places. */
const placed = () => {
  const places = new Map<ArrayBuffer, bigint>()
  const book = addressBook((memory) => places.get(memory) ?? 0n)
  const at = (address: bigint, bytes: number): Uint8Array => {
    const memory = new ArrayBuffer(bytes)
    places.set(memory, address)
    return new Uint8Array(memory)
  }
  return { book, places, at }
}
const none = /recv: no memory that is kept alive is at its address/

test('an address in the last buffer, or in a lasting one, passes up to the end of its view', () => {
  const { book, at } = placed()
  book.lasting(at(1_000n, 16))
  book.given(at(2_000n, 64).subarray(8, 24))
  for (const [address, bytes] of [
    [1_000n, 16],
    [1_015n, 1],
    [2_008n, 16],
    [2_020n, 4],
  ] as const)
    book.check('recv', [address, bytes])
  assert.throws(() => book.check('recv', [2_008n, 17]), /recv: 17 bytes at its address, which has 16/)
  assert.throws(() => book.check('recv', [2_020n, -1]), /-1 bytes/)
  for (const address of [0n, 999n, 1_016n, 2_007n, 2_024n, 2n ** 64n - 1n])
    assert.throws(() => book.check('recv', [address, 1]), none)
  assert.throws(() => book.check('recv', [null, 1]), /recv: no address/)
})

test('an address of the buffer before the last one, of a detached and of a moved one is refused', () => {
  const { book, places, at } = placed()
  book.given(at(1_000n, 16))
  const next = at(2_000n, 16)
  book.given(next)
  assert.throws(() => book.check('recv', [1_000n, 1]), none)
  places.set(next.buffer as ArrayBuffer, 3_000n)
  assert.throws(() => book.check('recv', [2_000n, 1]), none)
  places.set(next.buffer as ArrayBuffer, 2_000n)
  book.check('recv', [2_000n, 1])
  structuredClone(next.buffer, { transfer: [next.buffer as ArrayBuffer] })
  assert.throws(() => book.check('recv', [2_000n, 1]), none)
})

test('a checked function is called with its arguments only when all of its areas pass', () => {
  const { book, at } = placed()
  book.given(at(1_000n, 16))
  const calls: unknown[] = []
  const functions = {
    recv: (fd: number, address: bigint, length: number) => calls.push([fd, address, length]),
    close: (fd: number) => calls.push([fd]),
  }
  const checked = checkedCalls(functions, { recv: (_, address, length) => [[address, length]] }, book.check)
  checked.recv(3, 1_000n, 16)
  checked.close(3)
  assert.throws(() => checked.recv(3, 1_000n, 17), 'recv')
  assert.equal(calls, [[3, 1_000n, 16], [3]])
})

test.run()
