// Installs missing packages before every npm script; with --dev also those for development. Plain JavaScript without
// dependencies, because any Node from 20 on has to run it.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { broughtRuntime, isNewEnough } from './runtime.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.mtscope-setup')

/** Hash of everything that decides which packages belong here: the lock file and the platform. */
const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')

/** The last complete installation: hash of its lock file, and whether it had development packages. Those stay once installed. */
const installed = () => {
  const [of = '', kind = 'dev'] = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim().split(' ') : []
  return { of, dev: of !== '' && kind === 'dev' }
}
const before = installed()
const dev = process.argv.includes('--dev') || before.dev

/** npm exits 0 even if it could not fetch an optional package, and the runtime is one. */
const lacksRuntime = () => {
  const path = broughtRuntime(modules)
  return path !== undefined && !existsSync(path) && !isNewEnough()
}

const log = (text) => process.stderr.write(`mtscope: ${text}\n`)

/** Command and first arguments of the npm that started this process, else of the one on the PATH. */
const npm = () => {
  const script = process.env.npm_execpath
  return script?.endsWith('.js')
    ? [process.execPath, script]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm']
}

/** The version of `npm()`; empty if it cannot be read. */
const npmVersion = () => {
  const script = process.env.npm_execpath
  try {
    return script?.endsWith('.js')
      ? String(JSON.parse(readFileSync(join(dirname(script), '../package.json'), 'utf8')).version)
      : spawnSync(npm()[0], ['--version'], { encoding: 'utf8', cwd: tmpdir() }).stdout.trim()
  } catch {
    return ''
  }
}

/** npm before 9.9 (Debian 13 has 9.2) finds our lock file missing: it cannot read overrides with `npm:`. */
const tooOld = (version) => {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version) ?? []
  return major < 9 || (Number(major) === 9 && minor < 9)
}
const newerNpm = 'npm@10.9.4'

/** The npm that installs: that of this machine, or where it is too old a newer one, fetched into a folder for this run. */
const ableNpm = () => {
  const [command, ...first] = npm()
  if (!tooOld(npmVersion())) return [command, ...first]
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-npm-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  const { status } = spawnSync(command, [...first, 'install', ...options, newerNpm], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0
    ? [process.execPath, join(folder, 'node_modules/npm/bin/npm-cli.js')]
    : [command, ...first]
}

const stop = (why) => {
  log(why)
  process.exit(1)
}

/** The nearest existing ancestor of `path`, or `path` itself. */
const nearest = (path) => (existsSync(path) ? path : nearest(dirname(path)))

const mayWrite = (path) => {
  try {
    accessSync(nearest(path), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Exits with one line that names the command to run, where npm would print a dozen lines and no advice. */
const refuseToInstall = () => {
  const cache = process.env.npm_config_cache
  for (const folder of [root, modules])
    if (!mayWrite(folder))
      stop(`${folder} is not writable: as root, chown -R it to the user that runs mtscope`)
  if (cache && !mayWrite(cache))
    stop(
      `npm cannot write ${cache}: run this as a user with a home (useradd --create-home), or set npm_config_cache`,
    )
}

/** Resolves when npm has ended. Passes signals on and still waits: npm then undoes what it did before it exits. */
const ended = (child) =>
  new Promise((resolve) => {
    let code = 0
    for (const [name, number] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ])
      process.on(name, () => {
        code = number
        if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name)
      })
    child.once('error', (error) => resolve({ code, why: error.message }))
    child.once('exit', (status, signal) =>
      resolve({ code, why: status === 0 ? '' : (signal ?? `exit ${status}`) }),
    )
  })

const reason = () => {
  if (!existsSync(modules)) return 'first start'
  if (before.of === '') return 'the last installation was interrupted'
  if (before.of !== wanted()) return 'package-lock.json has changed'
  return lacksRuntime() ? 'the Node runtime is missing' : 'development packages are missing'
}

const install = async () => {
  refuseToInstall()
  log(`installing packages with npm ci (${reason()}); this takes about a minute`)
  const [command, ...first] = ableNpm()
  // Packages run no install scripts: none of them has to compile anything.
  const options = ['--include=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const args = [...first, 'ci', dev ? '--include=dev' : '--omit=dev', ...options]
  // In a process group of its own npm receives Ctrl-C once, from this process: at a second one it would stop without undoing.
  const { code, why: failure } = await ended(
    spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
    }),
  )
  if (code !== 0) {
    log('stopped before all packages were installed: the next start installs them again')
    process.exit(code)
  }
  if (failure !== '') stop(`npm ci failed (${failure}): see npm's output above, then run the command again`)
  if (!lacksRuntime()) writeFileSync(stamp, `${wanted()} ${dev ? 'dev' : 'runtime'}\n`)
}

if (before.of !== wanted() || dev !== before.dev || lacksRuntime()) await install()
