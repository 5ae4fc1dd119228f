import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'

const git = (...args: string[]): string => {
  try {
    return execFileSync('git', args, { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}

/** One sentence with the date, commit and machine of a measurement. */
export const provenance = (): string => {
  const commit = git('rev-parse', '--short=10', 'HEAD') || 'an unknown commit'
  const changed = git('status', '--porcelain') === '' ? '' : ', with uncommitted changes'
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, Linux`
  return `Measured on ${new Date().toISOString().slice(0, 10)} at ${commit}${changed}, on ${machine}.`
}
