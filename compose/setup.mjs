// Runs before `npm start` and `npm test`, on whatever Node is there: plain JavaScript, no dependency.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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

const install = () => {
  const why = existsSync(modules) ? 'package-lock.json has changed' : 'this is the first start here'
  say(`installing packages with npm ci, as ${why}; a minute or so`)
  const [command, ...first] = npm()
  const options = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const run = spawnSync(command, [...first, ...options], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (run.status !== 0) {
    say(
      `npm ci failed (${run.error?.message ?? run.signal ?? `exit ${run.status}`}): see above, then try again`,
    )
    process.exit(1)
  }
  writeFileSync(stamp, `${wanted()}\n`)
}

if (installed() !== wanted()) install()

// Packages bring the runtime for the common platforms. Elsewhere the Node that is there must be new enough.
const oldestMajor = 26
const brought = existsSync(join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node'))
if (!brought && Number(process.versions.node.split('.')[0]) < oldestMajor) {
  say(`needs Node ${oldestMajor} on ${process.platform}-${process.arch}; this is ${process.versions.node}`)
  process.exit(1)
}
