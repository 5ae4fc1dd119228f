import fc from 'fast-check'
import { propertyMs, runs } from '../kit/runs.ts'

// Loaded before a test file by `npm run properties`: each property runs for a time, not for a number of cases.

const { PROPERTY_SEED } = process.env
const report = (details: fc.RunDetails<unknown>): void => {
  process.stdout.write(`cases ${details.numRuns}\n`)
  if (details.failed && !details.interrupted) throw new Error(fc.defaultReportMessage(details))
}

fc.configureGlobal({
  numRuns: runs(100),
  ...(propertyMs === undefined ? {} : { interruptAfterTimeLimit: propertyMs }),
  ...(PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }),
  markInterruptAsFailure: false,
  reporter: report,
})
