import { mkdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { compiled } from '../../proxy/app/runtime-flags.ts'
import { readConfig } from '../../proxy/config/config.ts'
import { readDotenv, readDotenvFile } from '../../proxy/config/dotenv.ts'
import { isSetting } from '../../proxy/config/settings.ts'
import { userSetting } from '../../proxy/config/suggestions.ts'
import { makeDataDir } from '../../proxy/users/secret-store.ts'
import { unitFor } from './unit.ts'

const root = join(import.meta.dirname, '../..')

/** A word that a person pastes into a shell. */
const shell = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

// Not piped into tee: where this refuses, an empty file would be a unit that systemd calls masked.
const install = (user: string): string =>
  `  unit=$(su -s /bin/sh ${user} -c 'npm run -s service') && echo "$unit" > /etc/systemd/system/mtscope.service
  systemctl daemon-reload && systemctl enable --now mtscope
  journalctl -u mtscope          the links are in its first lines`

/** Whether another user gets as far as this folder. */
const open = (folder: string): boolean =>
  (statSync(folder).mode & 0o001) !== 0 && (folder === '/' || open(dirname(folder)))

const steps = `  useradd --system --create-home mtscope
  ${open(root) ? `cd ${shell(root)}` : `mv ${shell(root)} /opt/mtscope && cd /opt/mtscope`} && chown -R mtscope .
${install('mtscope')}`

const usage = `npm run -s service: prints a unit of systemd that runs the appliance of this folder, as you, from the next boot on

As root, with a user of its own and a folder that this user may read, so not under /root:

${steps}

Settings are those of .env in this folder. After another MTPROTO_PORT, DATA_DIR or DRAIN_SECONDS print it again.
`

const refuse = (code: number, ...lines: string[]): never => {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''))
  process.exit(code)
}

const [word] = process.argv.slice(2)
if (word === '--help' || word === '-h') {
  process.stdout.write(usage)
  process.exit(0)
}
if (word !== undefined) refuse(2, `${word} is not known`, usage)

/** The name of who runs this; the user database need not have one, as in a container. */
const me = (): string => {
  try {
    return userInfo().username
  } catch {
    return refuse(
      1,
      `uid ${process.getuid?.()} has no name, and a unit needs one: make a user, as root, and run it as that`,
      steps,
    )
  }
}

// The unit starts it there, and .env is read there.
process.chdir(root)
const readDotenvHere = (): string => {
  try {
    return readDotenvFile()
  } catch (error) {
    return refuse(2, error instanceof Error ? error.message : String(error))
  }
}
const dotenv = readDotenvHere()
const written = new Map(readDotenv(dotenv).assignments.map(({ name, value }) => [name, value]))
const elsewhere = Object.entries(process.env)
  .filter(([name, value]) => (isSetting(name) || userSetting(name) !== null) && written.get(name) !== value)
  .map(([name]) => `  ${name}: write it to ${join(root, '.env')}, or unset it`)
if (elsewhere.length > 0) refuse(2, 'the service will not have the environment of this shell:', ...elsewhere)
const reading = readConfig({}, dotenv)
if (!reading.ok) refuse(2, 'a setting is wrong:', ...reading.mistakes.map((mistake) => `  ${mistake}`))
const user = me()
if (process.getuid?.() === 0) {
  const owner = statSync(root).uid
  if (owner === 0)
    refuse(1, 'it would run as root. Give it a user, and a folder that this user may read:', steps)
  refuse(1, `this folder is that of uid ${owner}. Let that user print it:`, install(`"$(id -un ${owner})"`))
}
if (reading.ok) {
  const { config } = reading
  const dataDir = resolve(config.dataDir)
  try {
    makeDataDir(dataDir)
    mkdirSync(join(root, compiled), { recursive: true })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    refuse(1, why, `what it writes must belong to ${user}, as root: chown -R ${user} ${shell(root)}`)
  }
  process.stdout.write(
    unitFor({
      root,
      node: process.execPath,
      user,
      dataDir,
      port: config.port,
      drainSeconds: Math.ceil(config.drainMs / 1_000),
    }),
  )
}
