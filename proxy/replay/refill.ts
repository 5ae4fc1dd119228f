import type { LocalLog } from '../log/local.ts'
import { replayCache } from './memory.ts'

/** Two threads tell their facts in a row each 50 ms: more than an hour of them. */
const mostRows = 150_000
const pageBytes = 1024 * 1024
// Searched, not parsed: a start must not wait for all that was told meanwhile. The codec writes the type before the digest.
const accepted = /"type":"handshake\.accepted"[^{}]*?"digest":"([0-9a-f]{32})"/g

/**
 * Puts the handshakes of the last `windowMs` that the log still has back into the cache in `memory`, so that what was
 * captured before a restart is refused after it. How many they were.
 */
export const refillReplays = (
  log: Pick<LocalLog, 'rows' | 'lastRow'>,
  memory: SharedArrayBuffer,
  windowMs: number,
  now: number,
): number => {
  const claim = replayCache(memory)
  let found = 0
  let row = Math.max(0, log.lastRow - mostRows)
  for (let rows = log.rows(row, pageBytes); rows.length > 0; rows = log.rows(row, pageBytes)) {
    for (const { at, text } of rows) {
      if (at < now - windowMs) continue
      for (const [, digest = ''] of text.matchAll(accepted)) {
        claim(Buffer.from(digest, 'hex'), at / 1000)
        found++
      }
    }
    row = rows.at(-1)!.row
  }
  return found
}
