import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'

const git = (...args: string[]): string | null => {
  const { status, stdout } = spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

const machine = (): string => {
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  const cores = cpus()
  return `${cores[0]?.model.trim()}, ${cores.length} cores, ${Math.round(Number(memory) / 1e6)} GB, ${type()} ${release()}, Node ${process.version}`
}

/** Date, commit and machine of a measurement, in one line. Call it before the measurement: the report changes the tree. */
export const provenance = (): string => {
  const commit = git('rev-parse', '--short=10', 'HEAD') ?? 'an unknown commit'
  const changed = git('status', '--porcelain') ? ', with uncommitted changes' : ''
  return `Measured on ${new Date().toISOString().slice(0, 10)} at ${commit}${changed}. Machine: ${machine()}.`
}
