import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ensure, find } from './debian.ts'

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtscope')

/** The systems of the start test: releases of Debian, and the npm of each Node. */
export const suites = ['bookworm', 'trixie'] as const
export const toolchains = [
  { node: '20', npm: '9.2.0' },
  { node: '20', npm: '9.9.4' },
  { node: '20', npm: '10.8.2' },
  { node: '22', npm: '10.9.4' },
  { node: '24', npm: '11.6.2' },
  { node: '26', npm: '11.19.1' },
] as const
export type Suite = (typeof suites)[number]
export type Toolchain = (typeof toolchains)[number]

const archiveOf = (suite: Suite): string => join(cache, `debian-${suite}.tar`)
const folderOf = ({ node, npm }: Toolchain): string => join(cache, `node-${node}-npm-${npm}`)

/**
 * Makes `path` once and atomically: `make` gets a temporary folder and returns the path in it to keep. Takes minutes, so that
 * tests find it made, or skip.
 */
const once = (path: string, make: (folder: string) => string | null): boolean => {
  if (existsSync(path)) return true
  if (process.env.MTSCOPE_TEST_BUILD === 'no') return false
  mkdirSync(cache, { recursive: true })
  process.stdout.write(`making ${path} for the tests\n`)
  const folder = mkdtempSync(join(cache, 'making-'))
  chmodSync(folder, 0o755)
  try {
    const made = make(folder)
    if (made !== null) renameSync(made, path)
    return made !== null
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

const makeArchive = (suite: Suite): boolean =>
  once(archiveOf(suite), (folder) => {
    const debootstrap = ensure('debootstrap', 'debootstrap')
    const [root, archive] = [join(folder, 'root'), join(folder, 'root.tar')]
    const made = debootstrap !== null && run(debootstrap, '--variant=minbase', suite, root)
    return made && run('tar', '-C', root, '--exclude=./dev/*', '-cf', archive, '.') ? archive : null
  })

const makeToolchain = (toolchain: Toolchain): boolean =>
  once(folderOf(toolchain), (folder) => {
    const packages = [`node-linux-${process.arch}@${toolchain.node}`, `npm@${toolchain.npm}`]
    const options = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save']
    return run(find('npm') ?? 'npm', 'install', ...options, ...packages) ? folder : null
  })

/** Whether every Debian root and toolchain is in the cache. */
export const hasDebianRoots = (): boolean =>
  [...suites.map(archiveOf), ...toolchains.map(folderOf)].every((path) => existsSync(path))

/** Makes the Debian roots and the toolchains that are missing: as root, on Debian, once. */
export const ensureDebianRoots = (): boolean =>
  process.getuid?.() === 0 && suites.every(makeArchive) && toolchains.every(makeToolchain)

/** The environment with which npm and Node reach their registry on this machine; `certificate` is the path of a copied CA. */
const reaching = (certificate: string): Record<string, string> => {
  const registry = spawnSync(find('npm') ?? 'npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
  }).stdout.trim()
  const passed = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']
  return {
    npm_config_registry: registry,
    ...(process.env.NODE_EXTRA_CA_CERTS
      ? { NODE_EXTRA_CA_CERTS: certificate, npm_config_cafile: certificate }
      : {}),
    ...Object.fromEntries(passed.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  }
}

export type DebianRoot = {
  readonly path: string
  /** The command line of a shell in it, with a mount namespace that ends with the process. */
  command(options: {
    readonly script: string
    readonly toolchain?: Toolchain
    readonly user?: number
    readonly env?: Readonly<Record<string, string>>
  }): readonly string[]
  remove(): void
}

/** A minimal Debian in `path`, as debootstrap leaves it, with a user 1000 whose home is /home/user. */
export const debianRoot = (suite: Suite, path: string): DebianRoot => {
  mkdirSync(path, { recursive: true })
  if (!run('tar', '-C', path, '-xf', archiveOf(suite)))
    throw new Error(`${archiveOf(suite)} could not be unpacked`)
  const inside = (name: string): string => join(path, name)
  for (const folder of ['opt/tools', 'home/user']) mkdirSync(inside(folder), { recursive: true })
  run('chown', '1000:1000', inside('home/user'))
  const extra = process.env.NODE_EXTRA_CA_CERTS
  const certificate = '/etc/extra-certificates.crt'
  if (extra) run('cp', extra, inside(certificate))
  const environment = reaching(certificate)
  return {
    path,
    command: ({ script, toolchain, user = 0, env = {} }) => {
      const tools = toolchain === undefined ? [] : [`mount --bind '${folderOf(toolchain)}' "$1/opt/tools"`]
      const mounts = ['mount -t proc proc "$1/proc"', 'mount --rbind /dev "$1/dev"', ...tools]
      const all: Record<string, string> = {
        ...environment,
        PATH: '/opt/tools/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: user === 0 ? '/root' : '/home/user',
        DEBIAN_FRONTEND: 'noninteractive',
        ...env,
      }
      const assignments = Object.entries(all).map(([name, value]) => `${name}=${value}`)
      const enter = `${mounts.join(' && ')} && cd "$1" && exec chroot --userspec=${user}:${user} "$@"`
      const words = [path, '/usr/bin/env', '-i', ...assignments, '/bin/sh', '-c', script]
      return ['unshare', '--mount', '/bin/sh', '-c', enter, 'sh', ...words]
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}
