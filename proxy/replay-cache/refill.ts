import type { LocalLog } from '../event-log/event-log.ts'
import { earliest } from '../event-log/patient-clock.ts'
import { replayCache, replayEntries } from './memory.ts'

const pageBytes = 1024 * 1024
const digestBytes = 16
// Searched, not parsed: a start must not wait for every event of the window. The codec writes the type before the digest.
const accepted = /"type":"handshake\.accepted"[^{}]*?"digest":"([0-9a-f]{32})"/g

/**
 * Puts the handshakes of the last `windowMs` that the log still has back into the cache in `memory`, so that what was
 * captured before a restart is refused after it. Reads from the newest row back, until a page is older than the window
 * or as many handshakes are found as the cache holds. Returns their number.
 */
export const refillReplays = (
  log: Pick<LocalLog, 'rowsBack'>,
  memory: SharedArrayBuffer,
  windowMs: number,
  now: number,
): number => {
  const claim = replayCache(memory)
  const most = Math.ceil(replayEntries(memory))
  const since = now - windowMs
  const digests = Buffer.alloc(most * digestBytes)
  const times = new Float64Array(most)
  let found = 0
  let before = Number.MAX_SAFE_INTEGER
  for (let inside = true; inside && found < most; ) {
    const rows = log.rowsBack(before, pageBytes)
    before = rows.at(-1)?.row ?? 0
    inside = false
    for (const { at, text } of rows) {
      // Of a clock that was not set yet it is not known how long ago it was.
      if (at < since && at >= earliest) continue
      inside = true
      for (const [, digest = ''] of text.matchAll(accepted)) {
        if (found === most) break
        digests.write(digest, found * digestBytes, 'hex')
        // A clock that was ahead must not make a digest outlast newer ones.
        times[found++] = Math.max(since, Math.min(at, now)) / 1000
      }
    }
  }
  // Oldest first, as they came: a full bucket of the cache forgets its oldest.
  for (let i = found - 1; i >= 0; i--) {
    claim(digests.subarray(i * digestBytes, (i + 1) * digestBytes), times[i]!)
  }
  return found
}
