import type { LocalLog } from '../event-log/event-log.ts'
import { isRecordSizes, type RecordSizes } from '../wire/records.ts'
import type { MeasuredFlight } from './measure.ts'

export type MeasuredRecords = RecordSizes & {
  /** Epoch, ms. */
  readonly measuredAt: number
}

/** Name of the snapshot that keeps the last measurement of a domain. */
export const flightName = (domain: string): string => `masking-flight ${domain}`

/** The measurement of a domain in an earlier run; null if there is none that can be read. */
export const keptFlight = (log: Pick<LocalLog, 'loadSnapshot'>, domain: string): MeasuredFlight | null => {
  try {
    const kept = log.loadSnapshot(flightName(domain))
    const flight = kept === null ? null : (JSON.parse(Buffer.from(kept.value).toString()) as MeasuredFlight)
    // Snapshots of earlier versions lack the table of suites, or the classes.
    return Array.isArray(flight?.suites) ? { ...flight, classes: flight.classes ?? {} } : null
  } catch {
    return null
  }
}

/** Name of the snapshot that keeps the measured records of a domain. */
export const recordsName = (domain: string): string => `masking-records ${domain}`

/** The records of a domain in an earlier run; null if there are none that can be read. */
export const keptRecords = (log: Pick<LocalLog, 'loadSnapshot'>, domain: string): MeasuredRecords | null => {
  try {
    const kept = log.loadSnapshot(recordsName(domain))
    const records = kept === null ? null : (JSON.parse(Buffer.from(kept.value).toString()) as MeasuredRecords)
    return isRecordSizes(records) ? records : null
  } catch {
    return null
  }
}
