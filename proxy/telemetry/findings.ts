import type { Meter } from '@opentelemetry/api'
import { metrics } from './catalogue/catalogue.ts'
import { verdicts } from './catalogue/finding-catalogue.ts'
import { readAllAtScrape, readAtScrape } from './series.ts'

/** The newest examination of the doctor, as far as metrics need it. */
export type FindingsReport = {
  /** Epoch, ms. */
  readonly at: number
  readonly findings: readonly {
    /** Area and check: `clock.offset`. */
    readonly id: string
    readonly verdict: string
    readonly numbers: Readonly<Record<string, number>>
    /** Such a finding has no series. */
    readonly detail: boolean
  }[]
}

/** Exports the doctor's findings as a state set: one series for each check and verdict, 1 for the verdict that holds. */
export const observeFindings = (meter: Meter, latest: () => FindingsReport | null): void => {
  readAllAtScrape(meter, metrics.doctorFinding, () =>
    (latest()?.findings ?? [])
      .filter(({ detail }) => !detail)
      .flatMap(({ id, verdict: holds }) =>
        verdicts.map(
          (verdict) => [[id.slice(0, id.indexOf('.')), id, verdict], verdict === holds ? 1 : 0] as const,
        ),
      ),
  )
  readAtScrape(meter, metrics.doctorLookTime, () => {
    const report = latest()
    return report === null ? [] : [['', report.at / 1000]]
  })
  readAtScrape(meter, metrics.clockOffset, () => {
    const aheadSeconds = latest()?.findings.find(({ id }) => id === 'clock.offset')?.numbers.aheadSeconds
    return aheadSeconds === undefined ? [] : [['', aheadSeconds]]
  })
}
