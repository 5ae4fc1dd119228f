import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
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
  /** Further programs of the module, built into the same folder: name → package. */
  readonly others?: Readonly<Record<string, string>>
  readonly tags?: string
  readonly ldflags?: string
}
export type GoRun = { readonly ok: boolean; readonly printed: string }

/** Path of a built program. */
export const goProgramPath = ({ name, version }: Pick<GoProgram, 'name' | 'version'>): string =>
  join(cache, `${name}-${version}`, name)

/** Copies the module: a module that replaces others, or lacks a file, builds only in a copy. */
export const copyOf =
  (module: string, version: string): GoProgram['sources'] =>
  (folder, go) => {
    const { ok, printed } = go('mod', 'download', '-json', `${module}@v${version}`)
    const source = /"Dir": *"([^"]+)"/.exec(printed)?.[1]
    if (!ok || source === undefined) return false
    cpSync(source, folder, { recursive: true })
    return spawnSync('chmod', ['-R', 'u+w', folder]).status === 0
  }

const fail = (name: string, complaint: string): null => {
  process.stdout.write(`${name} was not built: ${complaint.trim().split('\n').at(-1)}\n`)
  return null
}

/**
 * Path of a program that no package manager has, built from Go modules at low priority: once and atomically. Null where Go is
 * missing or the build fails.
 */
export const ensureGoProgram = (program: GoProgram): string | null => {
  const { name, version, others = {}, tags = '' } = program
  const built = goProgramPath(program)
  if (existsSync(built)) return built
  // Set by the runner: a build takes minutes, so only the installation does it, and only when requested.
  if (process.env.MTSCOPE_TEST_BUILD === 'no') return null
  const command = find('go')
  if (command === null) return null
  process.stdout.write(`building ${name} ${version} for the tests; it takes minutes\n`)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'building-'))
  let complaint = ''
  const go = (...args: string[]): GoRun => {
    const { status, stdout, stderr } = spawnSync('nice', ['-n', '15', command, ...args], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 25 * 60_000,
      // GOWORK: a workspace file names folders outside the module.
      env: {
        ...process.env,
        GOTOOLCHAIN: 'auto',
        GOFLAGS: '-buildvcs=false',
        GOWORK: 'off',
        CGO_ENABLED: '0',
      },
    })
    complaint = /"Error": "(.+)"/.exec(stdout)?.[1] ?? stderr
    return { ok: status === 0, printed: stdout }
  }
  const ldflags = ['-s', '-w', program.ldflags].filter(Boolean).join(' ')
  const build = ([to, from]: readonly [string, string]): boolean =>
    go('build', '-trimpath', '-tags', tags, '-ldflags', ldflags, '-o', join('built', to), from).ok
  // The program itself is moved last: where it exists, the others do.
  const all = Object.entries({ ...others, [name]: program.package })
  try {
    if (!program.sources(folder, go) || !all.every(build)) return fail(name, complaint)
    mkdirSync(dirname(built), { recursive: true })
    for (const [to] of all) renameSync(join(folder, 'built', to), join(dirname(built), to))
    return built
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
