import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'

// Random, and read from a moving offset: lost, doubled or swapped bytes change the hash.
const noise = randomBytes(1 << 20)
const pieceBytes = 32768

export type Total = { bytes: number; sha256: string }

/**
 * Sends `bytes` random bytes in pieces, as fast as the socket takes them or at `perSecond`. Stops without an error when the
 * socket closes: the receiver reports the missing bytes.
 */
export const sendPieces = async (
  socket: Socket,
  send: (piece: Buffer) => boolean,
  bytes: number,
  perSecond = 0,
): Promise<Total> => {
  const hash = createHash('sha256')
  const startedAt = Date.now()
  for (let sent = 0; sent < bytes && !socket.destroyed; ) {
    const from = (sent * 7) % (noise.length - pieceBytes)
    const size = perSecond > 0 ? Math.max(1024, Math.min(pieceBytes, perSecond / 20)) : pieceBytes
    const piece = noise.subarray(from, from + Math.min(Math.floor(size), bytes - sent))
    hash.update(piece)
    sent += piece.length
    if (!send(piece)) await drained(socket)
    const aheadMs = perSecond > 0 ? (sent / perSecond) * 1000 - (Date.now() - startedAt) : 0
    if (aheadMs > 1) await pause(aheadMs)
  }
  return { bytes, sha256: hash.digest('hex') }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const drained = async (socket: Socket): Promise<void> => {
  if (socket.destroyed || !socket.writableNeedDrain) return
  const ended = new AbortController()
  const { signal } = ended
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(() => {})
  ended.abort()
}

/** Counts and hashes received bytes. */
export const tally = () => {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    add: (piece: Buffer): number => {
      hash.update(piece)
      bytes += piece.length
      return bytes
    },
    total: (): Total => ({ bytes, sha256: hash.copy().digest('hex') }),
  }
}
