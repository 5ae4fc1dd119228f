/** A copy of `before` and of the bytes at [start, end). */
export const append = (before: Buffer | null, buffer: Buffer, start: number, end: number): Buffer => {
  const kept = before === null ? 0 : before.length
  const joined = Buffer.allocUnsafeSlow(kept + end - start)
  before?.copy(joined)
  buffer.copy(joined, kept, start, end)
  return joined
}
