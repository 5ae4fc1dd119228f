import { type Decoded, decodeBatch } from '../events/codec.ts'
import type { Batch } from '../events/contract.ts'
import type { StoredRow } from './store.ts'

/** Gets each batch once and in order. `row` is the position to store with the result. */
export type Take = (batch: Batch, row: number) => void

/** `caughtUp` resolves at the end of the stored rows and rejects with what `take` threw. When a live `take` throws, it is uncaught. */
export type Tail = { stop(): void; readonly caughtUp: Promise<void> }

type Follower = { take: Take; live: boolean; stopped: boolean; release: () => void }

// Some milliseconds of parsing and folding in one turn of the event loop.
const pageBytes = 256 * 1024

/** The followers of the log: each gets pages from the file, then what `deliver` passes on, without a gap between. */
export const createTails = (
  page: (after: number, bytes: number) => readonly StoredRow[],
  decoded: (batch: Decoded, row: number) => void,
) => {
  const followers = new Set<Follower>()
  const fresh: { batch: Batch; row: number }[] = []
  let delivering = false

  const stop = (follower: Follower): void => {
    follower.stopped = true
    followers.delete(follower)
    follower.release()
  }

  const add = (after: number, take: Take): Tail => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const follower: Follower = { take, live: false, stopped: false, release: resolve }
    let position = after
    const turn = (): void => {
      if (follower.stopped) return
      try {
        const rows = page(position, pageBytes)
        if (rows.length === 0) {
          follower.live = true
          resolve()
          return
        }
        for (const stored of rows) {
          if (follower.stopped) return
          const batch = decodeBatch(stored)
          position = stored.row
          decoded(batch, stored.row)
          take(batch, stored.row)
        }
      } catch (error) {
        reject(error)
        stop(follower)
        return
      }
      setImmediate(turn)
    }
    followers.add(follower)
    // Not synchronously: a batch that is being delivered is in the file already and would come twice.
    setImmediate(turn)
    return { stop: () => stop(follower), caughtUp: promise }
  }

  // One at a time: when a `take` appends, other followers must get this batch before the new one.
  const deliver = (batch: Batch, row: number): void => {
    fresh.push({ batch, row })
    if (delivering) return
    delivering = true
    for (let next = fresh.shift(); next !== undefined; next = fresh.shift()) {
      for (const follower of followers) {
        if (!follower.live) continue
        try {
          follower.take(next.batch, next.row)
        } catch (error) {
          stop(follower)
          queueMicrotask(() => {
            throw error
          })
        }
      }
    }
    delivering = false
  }

  return {
    add,
    deliver,
    stopAll: (): void => {
      for (const follower of followers) stop(follower)
    },
  }
}
