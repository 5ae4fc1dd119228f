import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import { ensure, find } from './debian.ts'
import { type Service, startService } from './service.ts'

export type Docker = Service & { readonly host: string; run(...args: string[]): Promise<string> }

/** Path of dockerd, installed where it is missing; null without root or where it cannot be installed. */
export const ensureDocker = (): string | null => {
  if (process.getuid?.() !== 0) return null
  ensure('iptables', 'iptables')
  return find('docker') === null && ensure('docker', 'docker.io') === null
    ? null
    : ensure('dockerd', 'docker.io')
}

/** Starts a Docker engine whose data, socket and process id are in its folder. */
export const startDocker = async (): Promise<Docker> => {
  const dockerd = ensureDocker()
  if (dockerd === null) throw new Error('the Docker engine is missing: run as root and install docker.io')
  let host = ''
  const run = (...args: string[]): Promise<string> =>
    // The builder of the engine: BuildKit is a plugin, which may be missing.
    runCommand(find('docker') ?? 'docker', ['-H', host, ...args], { DOCKER_BUILDKIT: '0' })
  const service = await startService({
    name: 'docker',
    command: dockerd,
    args: (folder) => {
      host = `unix://${join(folder, 'sock')}`
      const at = (name: string): string => join(folder, name)
      return ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '-H', host]
    },
    ready: (printed) => printed.includes('API listen on'),
    readyMs: 120_000,
  })
  // SIGKILL would leave containers, mounts and containerd behind.
  const remove = service[Symbol.asyncDispose]
  const dispose = async (): Promise<void> => {
    await service.stop()
    // dockerd leaves this mount behind.
    spawnSync('umount', [join(service.folder, 'exec/netns/default')])
    await remove()
  }
  return Object.assign(service, { host, run, [Symbol.asyncDispose]: dispose })
}
