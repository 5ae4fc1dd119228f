import { mkdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { compiled } from '../../proxy/app/runtime-flags.ts'
import { readConfig } from '../../proxy/config/config.ts'
import { readDotenv, readDotenvFile } from '../../proxy/config/dotenv.ts'
import { isSetting } from '../../proxy/config/settings.ts'
import { userSetting } from '../../proxy/config/suggestions.ts'
import { hostAndPort } from '../../proxy/net/host-name.ts'
import type { ListenAt } from '../../proxy/net/link.ts'
import { makeDataDir } from '../../proxy/users/secret-store.ts'
import { type SocketPlace, socketFor, unitFor } from './unit.ts'

// `mtscope unit`: prints the systemd unit, or exits with the steps that lead to one.

const root = join(import.meta.dirname, '../..')

/** `text` quoted for a POSIX shell. */
const shell = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

// The unit is not piped into tee: if this program refuses, tee would leave an empty file, which systemd treats as masked.
const install = (user: string): string =>
  `  unit=$(su -s /bin/sh ${user} -c 'npm run -s unit') && echo "$unit" > /etc/systemd/system/mtscope.service
  systemctl daemon-reload && systemctl enable --now mtscope
  journalctl -u mtscope          its first lines have the links`

/** Whether other users may enter this folder. */
const open = (folder: string): boolean =>
  (statSync(folder).mode & 0o001) !== 0 && (folder === '/' || open(dirname(folder)))

const steps = `  useradd --system --create-home mtscope
  ${open(root) ? `cd ${shell(root)}` : `mv ${shell(root)} /opt/mtscope && cd /opt/mtscope`} && chown -R mtscope .
${install('mtscope')}`

const usage = `usage: mtscope unit [--socket]

Prints a systemd unit that runs the appliance of this folder as the current user, from every boot on.
To install it, create a user for it and a folder that this user can read (not under /root). As root:

${steps}

The unit reads settings from .env in this folder. Print it again after changing LISTEN, MTPROTO_PORT, DATA_DIR or DRAIN_SECONDS.

--socket prints the .socket unit of the listeners in .env instead. systemd then opens the ports, keeps them while mtscope
restarts, and starts it with the first client. As root: write it to /etc/systemd/system/mtscope.socket, set LISTEN=systemd
in .env, print the other unit again, and systemctl enable --now mtscope.socket.
`

const refuse = (code: number, ...lines: string[]): never => {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''))
  process.exit(code)
}

const [first] = process.argv.slice(2)
const isSocket = first === '--socket'
const word = isSocket ? undefined : first
if (word === '--help' || word === '-h') {
  process.stdout.write(usage)
  process.exit(0)
}
if (word !== undefined) refuse(2, `unknown option ${word}`, usage)

/** Name of the current user. The user database may lack it, for example in a container. */
const currentUser = (): string => {
  try {
    return userInfo().username
  } catch {
    return refuse(
      1,
      `uid ${process.getuid?.()} has no user name, and a unit needs one. Create a user as root, and print the unit as that user:`,
      steps,
    )
  }
}

/** In the words of systemd.socket(5), where `[::]` is every address of both families. */
const socketPlace = (at: ListenAt): SocketPlace[] => {
  if ('path' in at) return [{ place: at.path, mode: at.mode }]
  return 'port' in at && at.port > 0 ? [{ place: hostAndPort(at.host, at.port), mode: null }] : []
}

const privilegedPort = (places: readonly ListenAt[]): number =>
  Math.min(...places.map((at) => ('port' in at && at.port > 0 && at.port < 1_024 ? at.port : 65_535))) %
  65_535

// The unit starts in this folder and reads .env there.
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
const onlyInShell = Object.entries(process.env)
  .filter(([name, value]) => (isSetting(name) || userSetting(name) !== null) && written.get(name) !== value)
  .map(([name]) => `  ${name}: write it to ${join(root, '.env')}, or unset it`)
if (onlyInShell.length > 0)
  refuse(2, 'systemd does not pass these settings of the current shell to the unit:', ...onlyInShell)
const reading = readConfig({}, dotenv)
if (!reading.ok) refuse(2, 'invalid settings:', ...reading.mistakes.map((mistake) => `  ${mistake}`))
if (isSocket && reading.ok) {
  const places = reading.config.listeners.flatMap(({ at }) => socketPlace(at))
  if (places.length === 0)
    refuse(
      2,
      'LISTEN=systemd leaves the ports to the .socket unit: print it before with MTPROTO_PORT or LISTEN',
    )
  process.stdout.write(socketFor(places))
  process.exit(0)
}
const user = currentUser()
if (process.getuid?.() === 0) {
  const owner = statSync(root).uid
  if (owner === 0)
    refuse(
      1,
      'the unit would run as root. Create a user for it, and a folder that this user can read:',
      steps,
    )
  refuse(1, `uid ${owner} owns this folder. Print the unit as that user:`, install(`"$(id -un ${owner})"`))
}
if (reading.ok) {
  const { config } = reading
  const dataDir = resolve(config.dataDir)
  try {
    makeDataDir(dataDir)
    mkdirSync(join(root, compiled), { recursive: true })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    refuse(
      1,
      why,
      `${user} must own the folders that the unit writes. As root: chown -R ${user} ${shell(root)}`,
    )
  }
  process.stdout.write(
    unitFor({
      root,
      node: process.execPath,
      user,
      dataDir,
      port: privilegedPort(config.listeners.map(({ at }) => at)),
      drainSeconds: Math.ceil(config.drainMs / 1_000),
    }),
  )
}
