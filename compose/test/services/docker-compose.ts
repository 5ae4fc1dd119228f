import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { find } from './debian.ts'
import { copyOf, ensureGoProgram, type GoProgram, goProgramPath } from './go-program.ts'

const version = '2.40.3'

const compose: GoProgram = {
  name: 'docker-compose',
  version,
  sources: copyOf('github.com/docker/compose/v2', version),
  package: './cmd',
  ldflags: `-X github.com/docker/compose/v2/internal.Version=v${version}`,
}

export type ComposeCommand = readonly [command: string, ...before: string[]]

const works = ([command, ...before]: ComposeCommand): boolean => {
  const { status, stdout } = spawnSync(command, [...before, 'version', '--short'], { encoding: 'utf8' })
  return status === 0 && /^v?[2-9]\./.test(stdout)
}

/** Compose v2 of this machine: a plugin of docker, a program, or built earlier. Null where there is none. */
export const findCompose = (): ComposeCommand | null => {
  const docker = find('docker')
  const alone = find('docker-compose')
  const there: readonly ComposeCommand[] = [
    ...(docker === null ? [] : [[docker, 'compose'] as const]),
    ...(alone === null ? [] : [[alone] as const]),
  ]
  const built = goProgramPath(compose)
  return there.find(works) ?? (existsSync(built) ? [built] : null)
}

/** The same, or Compose built from source where Go is installed. */
export const ensureCompose = (): ComposeCommand | null => {
  const there = findCompose()
  if (there !== null) return there
  const path = ensureGoProgram(compose)
  return path === null ? null : [path]
}
