// Runs before `npm start` and `npm test`, on whatever Node is there: plain JavaScript, no dependency.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.mtscope-setup')

/** What the installed packages depend on: the lock file, and the machine for those that hold a program. */
const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')

const installed = () => (existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : '')

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

const install = async () => {
  refuseToInstall()
  const lacksStamp =
    installed() === '' ? 'the last installation did not end' : 'package-lock.json has changed'
  const why = existsSync(modules) ? lacksStamp : 'this is the first start here'
  say(`installing packages with npm ci, as ${why}; a minute or so`)
  const [command, ...first] = npm()
  const options = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  // In a process group of its own it hears Ctrl-C once, from us: at a second one it would leave everything as it is.
  const { code, why: failure } = await ended(
    spawn(command, [...first, ...options], {
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
  writeFileSync(stamp, `${wanted()}\n`)
}

if (installed() !== wanted()) await install()

// Packages bring the runtime for the common platforms. Elsewhere the Node that is there must be new enough.
const oldestMajor = 26
const brought = existsSync(join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node'))
if (!brought && Number(process.versions.node.split('.')[0]) < oldestMajor) {
  stop(`needs Node ${oldestMajor} on ${process.platform}-${process.arch}; this is ${process.versions.node}`)
}
