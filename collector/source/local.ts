import type { LocalLog } from '../../proxy/event-log/event-log.ts'
import { patientClock } from '../../proxy/event-log/patient-clock.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import { foldRow } from '../fold/fold.ts'
import { packSnapshot, readSnapshot } from '../fold/snapshot.ts'
import { createMemoryState, type State } from '../fold/state.ts'

export type LogToFollow = Pick<LocalLog, 'tail' | 'saveSnapshot' | 'loadSnapshot' | 'release'>

/** Where the collector keeps its snapshot, and as whom it releases rows. */
export const consumer = 'collector'

export type Following = {
  readonly state: State
  /** Settles when the log's past is folded; fails with what the log threw. */
  readonly caughtUp: Promise<void>
  /** How old the latest batch was when it was folded, ms. */
  lagMs(): number
  /** Facts that came again and were dropped, since this process started. */
  repeated(): number
  /** Keeps the state in the log and lets go what it holds; false when it could not be written. */
  save(): boolean
  /** Saves a last time and folds no more. */
  stop(): void
}

/**
 * The state as of the last snapshot, and everything the log has after it folded on top, then live. The snapshot
 * stands beside the row it was taken at, so that a kill at any moment costs a refold and counts nothing twice.
 * Without a usable snapshot all that the log still has is folded again, and it says so.
 */
export const followLog = (
  log: LogToFollow,
  now: () => number,
  logger: Logger,
  steady: () => number = () => performance.now(),
): Following => {
  const saved = log.loadSnapshot(consumer)
  const read = saved === null ? null : readSnapshot(saved.value)
  const usable = read !== null && !('unusable' in read) ? read : undefined
  if (read !== null && 'unusable' in read) {
    logger('warn', 'the collector cannot use its snapshot and folds all that the log still has', {
      why: read.unusable,
    })
  }
  const state = createMemoryState(usable, steady)
  const patient = patientClock(now, steady, state.latest)
  let row = usable === undefined || saved === null ? 0 : saved.row
  let lagMs = 0
  let repeated = 0
  log.release(consumer, row)

  const { stop, caughtUp } = log.tail(row, (batch, at) => {
    repeated += foldRow(state, batch).repeated
    row = at
    const last = batch.events.at(-1)
    if (last !== undefined) lagMs = Math.max(0, now() - last.at)
  })

  const save = (): boolean => {
    state.expire(patient())
    const written = log.saveSnapshot(consumer, row, packSnapshot(state.snapshot()))
    if (written) log.release(consumer, row)
    else logger('warn', 'the collector could not save its snapshot; the log keeps what it needs', { row })
    return written
  }

  return {
    state,
    caughtUp,
    lagMs: () => lagMs,
    repeated: () => repeated,
    save,
    stop() {
      stop()
      save()
    },
  }
}
