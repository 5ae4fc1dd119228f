import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { find } from './debian.ts'

const version = '2.40.3'
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtscope')
const built = join(cache, `compose-${version}`, 'docker-compose')

export type ComposeCommand = readonly [command: string, ...before: string[]]

const works = ([command, ...before]: ComposeCommand): boolean => {
  const { status, stdout } = spawnSync(command, [...before, 'version', '--short'], { encoding: 'utf8' })
  return status === 0 && /^v?[2-9]\./.test(stdout)
}

/** Builds Compose from its sources once, whole or not at all, and with what the machine has to spare. */
const build = (go: string): boolean => {
  process.stdout.write(`building Compose ${version} for the tests; it takes minutes\n`)
  const source = spawnSync(go, ['mod', 'download', '-json', `github.com/docker/compose/v2@v${version}`], {
    encoding: 'utf8',
  })
  const folder = /"Dir": *"([^"]+)"/.exec(source.stdout ?? '')?.[1]
  if (source.status !== 0 || folder === undefined) return false
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'building-'))
  try {
    cpSync(folder, work, { recursive: true })
    spawnSync('chmod', ['-R', 'u+w', work])
    const flags = `-s -w -X github.com/docker/compose/v2/internal.Version=v${version}`
    const { status } = spawnSync(
      'nice',
      ['-n', '15', go, 'build', '-trimpath', '-ldflags', flags, '-o', 'docker-compose', './cmd'],
      {
        cwd: work,
        stdio: 'ignore',
        timeout: 15 * 60_000,
        env: { ...process.env, GOTOOLCHAIN: 'auto', GOFLAGS: '-buildvcs=false', CGO_ENABLED: '0' },
      },
    )
    if (status !== 0) return false
    mkdirSync(join(built, '..'), { recursive: true })
    if (!existsSync(built)) renameSync(join(work, 'docker-compose'), built)
    return true
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Compose v2, as a plugin of docker, alone, or built where Go is; null where it cannot be had. */
export const ensureCompose = (): ComposeCommand | null => {
  const docker = find('docker')
  const alone = find('docker-compose')
  const there: readonly ComposeCommand[] = [
    ...(docker === null ? [] : [[docker, 'compose'] as const]),
    ...(alone === null ? [] : [[alone] as const]),
    ...(existsSync(built) ? [[built] as const] : []),
  ]
  const first = there.find(works)
  if (first !== undefined) return first
  const go = find('go')
  return go !== null && build(go) ? [built] : null
}
