import type { LocalLog } from '../../proxy/event-log/event-log.ts'
import { patientClock } from '../../proxy/event-log/patient-clock.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import { foldRow } from '../fold/fold.ts'
import { packSnapshot, readSnapshot } from '../fold/snapshot.ts'
import { createMemoryState, type State } from '../fold/state.ts'

export type LogToFollow = Pick<LocalLog, 'tail' | 'saveSnapshot' | 'loadSnapshot' | 'release'>

/** The name under which the collector stores its snapshot and releases rows. */
export const consumer = 'collector'

export type Following = {
  readonly state: State
  /** Resolves when the existing events are folded; rejects with errors of the event log. */
  readonly caughtUp: Promise<void>
  /** Age of the latest batch when it was folded, ms. */
  lagMs(): number
  /** Events that came again and were skipped, since this process started. */
  repeated(): number
  /** Stores the state in the event log, and releases the rows in it; false when that failed. */
  save(): boolean
  /** Folds nothing more, and saves a last time. */
  stop(): void
}

/**
 * Starts from the last snapshot, folds the events after its row, and follows the event log. Snapshot and row are stored in one
 * transaction, so that a kill at any moment counts nothing twice. Without a usable snapshot it logs that, and folds everything
 * that the event log still has.
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
    logger('warn', 'snapshot-unusable', {
      reason: read.unusable,
      hint: 'the collector folds everything that the event log still has; older totals are lost',
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
    else {
      logger('warn', 'snapshot-not-saved', {
        row,
        hint: 'check the disk of DATA_DIR; the event log keeps the events since the last snapshot',
      })
    }
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
