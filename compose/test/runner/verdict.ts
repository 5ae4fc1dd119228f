export type Outcome = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Reasons of the failure that are not in the output. */
  readonly complaints: readonly string[]
  /** Why tests were skipped: the lines `skipped: …` of the output. */
  readonly reasons: readonly string[]
  readonly output: string
}

export type Ending = {
  readonly counts: 'uvu' | 'exit'
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly output: string
  readonly complaints: readonly string[]
}

const summary = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm

/**
 * The result of a finished process. uvu's exit code is not enough: it is 0 for a throwing `before`, for a file that
 * forgets `test.run()` and for one without tests.
 */
export const verdict = ({ counts, code, output, complaints }: Ending): Outcome => {
  const mistakes = [...complaints]
  const reasons = [...output.matchAll(/^skipped: (.+)$/gm)].map(([, reason = '']) => reason)
  let [total, passed, skipped] = counts === 'exit' ? [1, code === 0 ? 1 : 0, 0] : [0, 0, 0]
  if (counts === 'uvu') {
    const [all, ...others] = output.matchAll(summary)
    if (all === undefined) {
      if (mistakes.length === 0) mistakes.push("it ended without uvu's closing lines: call test.run()")
    } else if (others.length > 0) mistakes.push('it has more than one summary')
    else [total, passed, skipped] = [Number(all[1]), Number(all[2]), Number(all[3])]
    if (all !== undefined && total + skipped === 0) mistakes.push('it has no test')
    if (all !== undefined && passed < total && code === 0)
      mistakes.push('a hook threw, which uvu counts as success')
  }
  if (code !== 0 && passed === total && mistakes.length === 0) {
    mistakes.push(code === null ? 'a signal ended it' : `it exited with ${code} although every test passed`)
  }
  const failed = total - passed
  return {
    passed,
    failed: failed === 0 && mistakes.length > 0 ? 1 : failed,
    skipped,
    complaints: mistakes,
    reasons,
    output,
  }
}
