import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { find } from './debian.ts'
import { ensureGoProgram, type GoProgram } from './go-program.ts'

const version = '2.40.3'

/** Its module replaces others, so that it builds in a copy of itself only. */
const compose: GoProgram = {
  name: 'docker-compose',
  version,
  sources: (folder, go) => {
    const { ok, said } = go('mod', 'download', '-json', `github.com/docker/compose/v2@v${version}`)
    const source = /"Dir": *"([^"]+)"/.exec(said)?.[1]
    if (!ok || source === undefined) return false
    cpSync(source, folder, { recursive: true })
    return spawnSync('chmod', ['-R', 'u+w', folder]).status === 0
  },
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
