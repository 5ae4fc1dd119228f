import type { Socket } from 'node:net'

/** Offsets from the first byte sent, or `every` byte of the first 2,048. */
export type Cuts = readonly number[] | 'every'

const reach = 2048

/**
 * Writes to a socket in pieces that end at the given offsets, each `pauseMs` after the one before it, so that the other end
 * reads them separately.
 */
export const segments = (socket: Socket, cuts: Cuts | undefined, pauseMs = 0) => {
  if (!cuts) return (bytes: Buffer): boolean => socket.write(bytes)
  const isCut = cuts === 'every' ? (at: number) => at < reach : (at: number) => cuts.includes(at)
  let position = 0
  let before = Promise.resolve()
  return (bytes: Buffer): boolean => {
    for (const piece of cutAt(bytes, (offset) => isCut(position + offset)))
      before = before.then(() => pause(pauseMs)).then(() => void socket.write(piece))
    position += bytes.length
    return true
  }
}

const cutAt = (bytes: Buffer, isCut: (offset: number) => boolean): Buffer[] => {
  const pieces: Buffer[] = []
  let from = 0
  for (let at = 1; at < Math.min(bytes.length, reach); at++) {
    if (!isCut(at)) continue
    pieces.push(bytes.subarray(from, at))
    from = at
  }
  return [...pieces, bytes.subarray(from)]
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)))
