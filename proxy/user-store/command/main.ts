import { readFileSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { writtenPorts } from '../../config/listening.ts'
import { readOwnConfig } from '../../config/own-config.ts'
import { limitNames } from '../../config/user-limits.ts'
import { nameKey } from '../../config/user-name.ts'
import { lineLogger } from '../../logger/logger.ts'
import { type Link, linkPlaces, linksOf } from '../../users/links.ts'
import { deadLinks, findAddress } from '../../users/public-address.ts'
import { printQr } from '../../users/qr.ts'
import { readSecret, type Secret } from '../../users/secret.ts'
import { SecretsError } from '../../users/secret-store.ts'
import type { User } from '../../users/user.ts'
import { UserError, type UserErrorCode } from '../errors.ts'
import type { NewUser } from '../managed-user.ts'
import { openUserStore } from '../open.ts'
import { publicRecord, readExport, secretRecord, usersText } from '../record.ts'
import type { UserStore } from '../store.ts'
import { type Asked, readArguments, usage } from './arguments.ts'
import { type Listed, linksText, listedJson, tableOf } from './output.ts'

/** Errors of the store itself; all others are mistakes of the caller. */
const ofStore: ReadonlySet<UserErrorCode> = new Set([
  'ERR_USERS_DAMAGED',
  'ERR_USERS_BUSY',
  'ERR_USERS_UNWRITABLE',
  'ERR_USERS_KEY',
  'ERR_USERS_KAFKA',
])

const by = 'cli'

const stop = (code: 1 | 2, why: string): never => {
  process.stderr.write(`users: ${why}\n`)
  process.exit(code)
}

const print = (text: string): void => void process.stdout.write(text)
const printJson = (value: unknown): void => print(`${JSON.stringify(value, null, 2)}\n`)

const settings = (): Config => {
  const reading = readOwnConfig()
  return reading.ok ? reading.config : stop(2, reading.mistakes.join('\nusers: '))
}

const secretFromStdin = (): Secret => {
  const read = readSecret(readFileSync(0, 'utf8').trim())
  return read.ok ? read.value : stop(2, `the secret of stdin ${read.mistake}`)
}

const usersToImport = (file: string): readonly NewUser[] => {
  const path = file === '' || file === '-' ? 0 : file
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return stop(2, `${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  const read = readExport(text)
  if (!read.ok) return stop(2, `${file === '' ? 'stdin' : file} ${read.mistake}`)
  const none = Object.fromEntries(limitNames.map((name) => [name, undefined]))
  // Limits of an export are all of them: one that it does not name is the default again.
  return read.users.map((user) => (user.limits ? { ...user, limits: { ...none, ...user.limits } } : user))
}

/** The listeners with the modes that were asked for. */
const listenersFor = (config: Config, mode?: string): Config['listeners'] =>
  config.listeners
    .map((listener) => ({
      ...listener,
      modes: listener.modes.filter((one) => mode === undefined || one === mode),
    }))
    .filter(({ modes }) => modes.length > 0)

/** Before anything changes. */
const checkLinks = (config: Config, mode?: string): void => {
  const listeners = listenersFor(config, mode)
  if (listeners.length === 0) stop(2, `--mode ${mode} is not in MODES=${config.modes.join(',')}`)
  if (linkPlaces(listeners, writtenPorts(listeners), '').length === 0)
    stop(2, 'no listener has a port that links could name: set PUBLIC_PORT')
}

const linksFor = async (user: User, config: Config, mode?: string): Promise<readonly Link[]> => {
  const listeners = listenersFor(config, mode)
  const address = await findAddress(config, AbortSignal.timeout(5_000))
  const dead = deadLinks(address)
  if (dead !== null) process.stderr.write(`users: ${dead.states}: set ${dead.advice}\n`)
  return linksOf([user], linkPlaces(listeners, writtenPorts(listeners), address.host))
}

const printLinks = async (user: User, config: Config, { json, mode }: Asked): Promise<void> => {
  const links = await linksFor(user, config, mode)
  if (json) return printJson({ name: user.name, links: links.map(({ user: _, ...link }) => link) })
  if (!user.enabled) process.stderr.write(`users: ${user.name} is disabled: its links fail until enable\n`)
  print(linksText(links))
  printQr(links.at(-1)!.tg)
}

const findUser = (name: string, store: UserStore, config: Config): Listed => {
  const ofSettings = config.users.find((user) => nameKey(user.name) === nameKey(name))
  if (ofSettings !== undefined) return { source: 'setting', user: ofSettings }
  const user = store.get(name)
  return user === null
    ? stop(2, `no user is named "${name}": mtscope users list shows them`)
    : { source: 'store', user }
}

const list = (store: UserStore, config: Config, json: boolean): void => {
  const users: readonly Listed[] = [
    ...config.users.map((user) => ({ source: 'setting', user }) as const),
    ...store.list().map((user) => ({ source: 'store', user }) as const),
  ]
  if (json) printJson(users.map(listedJson))
  else print(tableOf(users))
}

const changed = (user: User & Parameters<typeof publicRecord>[0], word: string, json: boolean): void => {
  if (json) printJson(publicRecord(user))
  else print(`${user.name}: ${word}\n`)
}

const run = async (asked: Asked, config: Config, store: UserStore): Promise<void> => {
  const { command, name, json, limits } = asked
  if (command === 'link' || command === 'add' || command === 'rotate') checkLinks(config, asked.mode)
  const secret = asked.secretStdin ? secretFromStdin() : undefined
  switch (command) {
    case 'list':
      return list(store, config, json)
    case 'show': {
      const found = findUser(name, store, config)
      return json ? printJson(listedJson(found)) : print(tableOf([found]))
    }
    case 'link':
      return printLinks(findUser(name, store, config).user, config, asked)
    case 'add': {
      const user = await store.add({ name, secret, enabled: !asked.disabled, limits }, by)
      return printLinks(user, config, asked)
    }
    case 'rotate': {
      const user = secret ? await store.change(name, { secret }, by) : await store.rotate(name, by)
      return printLinks(user, config, asked)
    }
    case 'limit':
      return changed(await store.change(name, { limits }, by), 'limits changed', json)
    case 'enable':
      return changed(await store.change(name, { enabled: true }, by), 'enabled', json)
    case 'disable':
      return changed(await store.change(name, { enabled: false }, by), 'disabled', json)
    case 'remove':
      await store.remove(name, by)
      return json ? printJson({ name, removed: true }) : print(`${name}: removed\n`)
    case 'import': {
      const users = await store.put(usersToImport(name), by)
      return json ? printJson(users.map(publicRecord)) : print(`${users.length} users imported\n`)
    }
    case 'export': {
      const users = new Map(store.list().map((user) => [nameKey(user.name), user]))
      return print(usersText(users, asked.secrets ? secretRecord : publicRecord))
    }
  }
}

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  print(usage)
  process.exit(0)
}
const reading = readArguments(words)
const asked = reading.ok
  ? reading.asked
  : stop(2, `${reading.why}; mtscope users --help lists commands and options`)
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe, such as head, has read enough.
  if (error.code === 'EPIPE') process.exit(0)
  stop(1, `cannot write to stdout: ${error.message}`)
})
const config = settings()
try {
  const logger = lineLogger(process.stderr)
  const store = await openUserStore({ config, logger, ofSettings: () => config.users, follow: false })
  await run(asked, config, store)
  await store.close()
} catch (error) {
  if (error instanceof UserError) stop(ofStore.has(error.code) ? 1 : 2, error.message)
  if (error instanceof SecretsError) stop(1, error.message)
  throw error
}
process.stdout.write('', () => process.exit(0))
