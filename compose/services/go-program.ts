import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { find } from './debian.ts'

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtscope')

export type GoProgram = {
  readonly name: string
  readonly version: string
  /** Puts a module that has the package into the folder, with `go`; false when it cannot. */
  readonly sources: (folder: string, go: (...args: string[]) => GoRun) => boolean
  readonly package: string
  readonly ldflags?: string
}
export type GoRun = { readonly ok: boolean; readonly said: string }

/** Where a program lies once it was built. */
export const goProgramPath = ({ name, version }: Pick<GoProgram, 'name' | 'version'>): string =>
  join(cache, `${name}-${version}`, name)

/**
 * A program that no package manager has, built from Go modules where Go is: once, whole or not at all, with what the machine
 * has to spare. Null where it cannot be had.
 */
export const ensureGoProgram = (program: GoProgram): string | null => {
  const built = goProgramPath(program)
  if (existsSync(built)) return built
  const command = find('go')
  if (command === null) return null
  process.stdout.write(`building ${program.name} ${program.version} for the tests; it takes minutes\n`)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'building-'))
  const go = (...args: string[]): GoRun => {
    const { status, stdout } = spawnSync('nice', ['-n', '15', command, ...args], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 25 * 60_000,
      env: { ...process.env, GOTOOLCHAIN: 'auto', GOFLAGS: '-buildvcs=false', CGO_ENABLED: '0' },
    })
    return { ok: status === 0, said: stdout }
  }
  try {
    if (!program.sources(folder, go)) return null
    const ldflags = ['-s', '-w', program.ldflags].filter(Boolean).join(' ')
    if (!go('build', '-trimpath', '-ldflags', ldflags, '-o', program.name, program.package).ok) return null
    mkdirSync(dirname(built), { recursive: true })
    if (!existsSync(built)) renameSync(join(folder, program.name), built)
    return built
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
