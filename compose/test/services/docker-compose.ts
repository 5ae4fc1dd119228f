import { spawnSync } from 'node:child_process'
import { find } from './debian.ts'
import { copyOf, ensureGoProgram, type GoProgram } from './go-program.ts'

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

/** Compose v2, as a plugin of docker, alone, or built where Go is; null where it cannot be had. */
export const ensureCompose = (): ComposeCommand | null => {
  const docker = find('docker')
  const alone = find('docker-compose')
  const there: readonly ComposeCommand[] = [
    ...(docker === null ? [] : [[docker, 'compose'] as const]),
    ...(alone === null ? [] : [[alone] as const]),
  ]
  const built = there.find(works) ?? null
  if (built !== null) return built
  const path = ensureGoProgram(compose)
  return path === null ? null : [path]
}
