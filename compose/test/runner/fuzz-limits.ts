import fc from 'fast-check'
import { fuzzMs, runs } from '../kit/runs.ts'

// Loaded before a test file by `npm run fuzz`: each property runs for a time, not for a number of cases.

const { FUZZ_SEED } = process.env
const report = (details: fc.RunDetails<unknown>): void => {
  process.stdout.write(`cases ${details.numRuns}\n`)
  if (details.failed && !details.interrupted) throw new Error(fc.defaultReportMessage(details))
}

fc.configureGlobal({
  numRuns: runs(100),
  ...(fuzzMs === undefined ? {} : { interruptAfterTimeLimit: fuzzMs }),
  ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }),
  markInterruptAsFailure: false,
  reporter: report,
})
