import { parseArgs } from 'node:util'
import { limitNames, limitSettings } from '../../config/user-limits.ts'
import type { UserLimits } from '../../users/limits.ts'
import type { LimitsEdit } from '../managed-user.ts'

/** `maxAddresses` → `max-ips`, as the suffix of its setting. */
const optionOf = (name: keyof UserLimits): string =>
  limitSettings[name].suffix.toLowerCase().replaceAll('_', '-')

const limitLines = limitNames
  .map((name) => `  --${optionOf(name).padEnd(17)}${limitSettings[name].doc}`)
  .join('\n')

export const usage = `usage: mtscope users COMMAND [NAME] [OPTIONS]

Manages users while proxies run: in DATA_DIR, or in Kafka when KAFKA_BROKERS is set. A proxy has a change in force within 2 s. Users
of USER<n>_* are listed, and only .env changes them.

  list               all users
  show NAME          one user
  link NAME          its links, with a QR code of the last one on a terminal
  add NAME           adds a user with a random secret, and prints its links; takes limits
  limit NAME         changes limits
  rotate NAME        gives a new secret: links with the old one fail
  disable NAME       refuses the user until enable
  enable NAME
  remove NAME
  import [FILE]      adds or changes the users of an export, all or none; reads stdin without FILE
  export             prints all users of the store as JSON

  --json             prints JSON
  --mode MODE        link: only this mode: classic, secure or tls
  --secret-stdin     add, rotate: reads the secret from stdin, 32 hex digits
  --disabled         add: refuses the user until enable
  --secrets          export: with the secrets

Limits, for add and limit; none sets no limit, default leaves it to USER_* of the settings:
${limitLines}

Open connections of a user that was removed, disabled or got another secret end within USER_DRAIN_SECONDS.

Exits with 0; with 1 when the user store cannot be read or written; with 2 when a command, a name, an option or a setting is wrong.
`

export const commands = [
  ...['list', 'show', 'link', 'add', 'limit', 'rotate', 'disable', 'enable', 'remove'],
  ...['import', 'export'],
] as const
export type CommandName =
  | 'list'
  | 'show'
  | 'link'
  | 'add'
  | 'limit'
  | 'rotate'
  | 'disable'
  | 'enable'
  | 'remove'
  | 'import'
  | 'export'

export type Asked = {
  readonly command: CommandName
  /** Of the user, or of the file to import; empty: none. */
  readonly name: string
  readonly json: boolean
  readonly mode: string | undefined
  readonly secretStdin: boolean
  readonly disabled: boolean
  readonly secrets: boolean
  readonly limits: LimitsEdit
}

export type Reading =
  | { readonly ok: true; readonly asked: Asked }
  | { readonly ok: false; readonly why: string }

const flag = { type: 'boolean' } as const
const flags = {
  json: flag,
  'secret-stdin': flag,
  disabled: flag,
  secrets: flag,
  mode: { type: 'string' },
} as const
const limitOptions = Object.fromEntries(
  limitNames.map((name) => [optionOf(name), { type: 'string' } as const]),
)

/** Options that a command takes besides `--json`. */
const taken: Partial<Readonly<Record<CommandName, readonly string[]>>> = {
  link: ['mode'],
  add: ['secret-stdin', 'disabled', ...Object.keys(limitOptions)],
  limit: Object.keys(limitOptions),
  rotate: ['secret-stdin'],
  export: ['secrets'],
}

class Wrong extends Error {}

const limitsOf = (given: Readonly<Record<string, unknown>>): LimitsEdit => {
  const limits: [string, unknown][] = []
  for (const name of limitNames) {
    const text = given[optionOf(name)]
    if (typeof text !== 'string') continue
    const read = text === 'default' ? null : limitSettings[name].parse(text)
    if (read?.ok === false) throw new Wrong(`--${optionOf(name)} ${read.mistake}`)
    limits.push([name, read?.value])
  }
  return Object.fromEntries(limits)
}

const asked = (words: readonly string[]): Asked => {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { ...flags, ...limitOptions },
    allowPositionals: true,
  })
  const given: Readonly<Record<string, unknown>> = values
  const [word = '', name = '', ...rest] = positionals
  const command = commands.find((one) => one === word) as CommandName | undefined
  if (command === undefined)
    throw new Wrong(word === '' ? 'a command is missing' : `${word} is not a command of mtscope users`)
  const needsName = !['list', 'import', 'export'].includes(command)
  if (needsName && name === '') throw new Wrong(`${command} needs the name of a user`)
  if (rest.length > 0 || (name !== '' && (command === 'list' || command === 'export')))
    throw new Wrong(`${rest[0] ?? name} is one word too many: quote a name that has spaces`)
  const foreign = Object.keys(given).find((one) => one !== 'json' && !taken[command]?.includes(one))
  if (foreign !== undefined) throw new Wrong(`${command} has no option --${foreign}`)
  const limits = limitsOf(given)
  if (command === 'limit' && Object.keys(limits).length === 0)
    throw new Wrong('limit needs a limit, as in --quota-month 50G')
  return {
    ...{ command, name, limits, json: values.json === true, mode: values.mode },
    secretStdin: values['secret-stdin'] === true,
    disabled: values.disabled === true,
    secrets: values.secrets === true,
  }
}

/** Reads the words after `mtscope users`. */
export const readArguments = (words: readonly string[]): Reading => {
  try {
    return { ok: true, asked: asked(words) }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message.split('\n')[0]! : String(error) }
  }
}
