import type { Result } from './task.ts'

/** Prints one line for a task that has ended; its whole output when it failed. */
export const show = ({
  task,
  passed,
  failed,
  skipped,
  complaints,
  reasons,
  output,
  elapsedMs,
}: Result): void => {
  const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(
    Boolean,
  )
  const mark = failed > 0 ? 'FAIL' : 'ok  '
  const lines = [
    `${mark} ${(elapsedMs / 1_000).toFixed(1).padStart(6)} s  ${task.name}: ${counts.join(', ')}`,
  ]
  lines.push(...reasons.map((reason) => `     skipped: ${reason}`))
  if (failed > 0) lines.push(...complaints.map((complaint) => `     ${complaint}`), output.trimEnd())
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Prints the closing line. Returns the exit code. `strict`: a skipped test counts as a failed one. */
export const showSums = (results: readonly Result[], strict: boolean): number => {
  const sum = (field: 'passed' | 'failed' | 'skipped'): number =>
    results.reduce((total, result) => total + result[field], 0)
  const [passed, skipped] = [sum('passed'), sum('skipped')]
  const failed = sum('failed') + (strict ? skipped : 0)
  if (strict && skipped > 0) process.stdout.write(`CI=true: ${skipped} skipped tests count as failed\n`)
  process.stdout.write(`${passed} passed, ${failed} failed, ${strict ? 0 : skipped} skipped\n`)
  return failed === 0 && passed + skipped > 0 ? 0 : 1
}
