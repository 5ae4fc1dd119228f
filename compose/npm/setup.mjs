// Runs before every npm script, on whatever Node is there: plain JavaScript, no dependency. Installs the packages that are
// missing, with --dev also those for development.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { broughtRuntime, isNewEnough } from './runtime.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.mtscope-setup')

/** What the installed packages depend on: the lock file, and the machine for those that hold a program. */
const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')

/** What was installed last: of which lock file, and whether with packages for development. Once there, those stay. */
const installed = () => {
  const [of = '', kind = 'dev'] = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim().split(' ') : []
  return { of, dev: of !== '' && kind === 'dev' }
}
const before = installed()
const dev = process.argv.includes('--dev') || before.dev

/** npm takes no offence at an optional package that it could not fetch. */
const lacksRuntime = () => {
  const path = broughtRuntime(modules)
  return path !== undefined && !existsSync(path) && !isNewEnough()
}

const say = (text) => process.stderr.write(`mtscope: ${text}\n`)

/** The npm that runs this, else the one on the PATH. */
const npm = () => {
  const script = process.env.npm_execpath
  return script?.endsWith('.js')
    ? [process.execPath, script]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm']
}

const stop = (why) => {
  say(why)
  process.exit(1)
}

/** The folder nearest to `path` that is there. */
const nearest = (path) => (existsSync(path) ? path : nearest(dirname(path)))

const mayWrite = (path) => {
  try {
    accessSync(nearest(path), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** What npm would say in a dozen lines, and not what to do. */
const refuseToInstall = () => {
  const cache = process.env.npm_config_cache
  for (const folder of [root, modules])
    if (!mayWrite(folder)) stop(`${folder} cannot be written: as root, chown -R it to the user who runs this`)
  if (cache && !mayWrite(cache))
    stop(
      `npm cannot write ${cache}: run this as a user with a home (useradd --create-home), or set npm_config_cache`,
    )
}

/** How npm ended. A signal is passed on and npm waited for, which undoes what it did: nothing goes on behind our back. */
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
  if (!existsSync(modules)) return 'this is the first start here'
  if (before.of === '') return 'the last installation did not end'
  if (before.of !== wanted()) return 'package-lock.json has changed'
  return lacksRuntime() ? 'the runtime is missing' : 'those for development are missing'
}

const install = async () => {
  refuseToInstall()
  say(`installing packages with npm ci, as ${reason()}; a minute or so`)
  const [command, ...first] = npm()
  // No script of a package: nothing that is needed here compiles, and a script would run by npm's link to the runtime.
  const options = ['--include=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const args = [...first, 'ci', dev ? '--include=dev' : '--omit=dev', ...options]
  // In a process group of its own it hears Ctrl-C once, from us: at a second one it would leave everything as it is.
  const { code, why: failure } = await ended(
    spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
    }),
  )
  if (code !== 0) {
    say('stopped before the packages were installed: the next start begins anew')
    process.exit(code)
  }
  if (failure !== '') stop(`npm ci failed (${failure}): see above, then try again`)
  if (!lacksRuntime()) writeFileSync(stamp, `${wanted()} ${dev ? 'dev' : 'runtime'}\n`)
}

if (before.of !== wanted() || dev !== before.dev || lacksRuntime()) await install()
