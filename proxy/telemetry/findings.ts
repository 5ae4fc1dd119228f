import type { Meter } from '@opentelemetry/api'
import { areaOf, verdicts } from '../doctor/finding.ts'
import type { Examined } from '../doctor/watch.ts'
import { metrics } from './catalogue/catalogue.ts'
import { asked, askedAll } from './series.ts'

/** What the doctor found, as metrics: a state set for each check, so that every verdict has a series that can be 0. */
export const foldFindings = (meter: Meter, latest: () => Examined | null): void => {
  askedAll(meter, metrics.doctorFinding, () =>
    (latest()?.findings ?? [])
      .filter(({ detail }) => !detail)
      .flatMap((one) =>
        verdicts.map((verdict) => [[areaOf(one), one.id, verdict], verdict === one.verdict ? 1 : 0] as const),
      ),
  )
  asked(meter, metrics.doctorLookTime, () => {
    const looked = latest()
    return looked === null ? [] : [['', looked.at / 1000]]
  })
  asked(meter, metrics.clockOffset, () => {
    const clock = latest()?.findings.find(({ id }) => id === 'clock.offset')?.numbers.aheadSeconds
    return clock === undefined ? [] : [['', clock]]
  })
}
