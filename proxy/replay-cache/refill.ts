import type { LocalLog } from '../event-log/event-log.ts'
import { earliest } from '../event-log/patient-clock.ts'
import { replayCache, replayEntries } from './memory.ts'

const pageBytes = 1024 * 1024
const digestBytes = 16
// Searches instead of parsing every event of the window, which would delay the start. The codec writes the type first.
const accepted = /"type":"handshake\.accepted"[^{}]*?"digest":"([0-9a-f]{32})"/g

/**
 * Puts the handshakes of the last `windowMs` that the event log still has into the cache in `memory`, so that a restart does not
 * forget them. Reads from the newest row back, until a page is older than the window or the cache is full. Returns their
 * number.
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
      // A time before `earliest` comes from a clock that was not set: its age is unknown.
      if (at < since && at >= earliest) continue
      inside = true
      for (const [, digest = ''] of text.matchAll(accepted)) {
        if (found === most) break
        digests.write(digest, found * digestBytes, 'hex')
        // A digest from a clock that was ahead must not outlast newer ones.
        times[found++] = Math.max(since, Math.min(at, now)) / 1000
      }
    }
  }
  // Oldest first: a full bucket of the cache forgets its oldest.
  for (let i = found - 1; i >= 0; i--) {
    claim(digests.subarray(i * digestBytes, (i + 1) * digestBytes), times[i]!)
  }
  return found
}
