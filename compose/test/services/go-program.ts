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
  /** What is built with it and lies beside it: name → package. */
  readonly others?: Readonly<Record<string, string>>
  readonly tags?: string
  readonly ldflags?: string
}
export type GoRun = { readonly ok: boolean; readonly printed: string }

/** Where a program lies once it was built. */
export const goProgramPath = ({ name, version }: Pick<GoProgram, 'name' | 'version'>): string =>
  join(cache, `${name}-${version}`, name)

/** For a program whose module replaces others or lacks a file: it builds in a copy of itself only. */
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
  process.stdout.write(`${name} could not be built: ${complaint.trim().split('\n').at(-1)}\n`)
  return null
}

/**
 * A program that no package manager has, built from Go modules where Go is: once, whole or not at all, with what the machine
 * has to spare. Null where it cannot be had.
 */
export const ensureGoProgram = (program: GoProgram): string | null => {
  const { name, version, others = {}, tags = '' } = program
  const built = goProgramPath(program)
  if (existsSync(built)) return built
  // Set by the runner: a build takes minutes, so it happens before a test, and only when asked for.
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
      // GOWORK: a workspace names folders that are not in the module.
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
  // The program itself comes last: where it is, the others are.
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
