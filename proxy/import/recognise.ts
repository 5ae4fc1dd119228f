import { parse, TomlError } from 'smol-toml'
import { commandIn, importArguments } from './command-line.ts'
import type { Draft } from './draft.ts'
import { importEnvironment, variablesIn } from './environment.ts'
import { importMtg } from './mtg.ts'
import { importMtprotoproxy } from './mtprotoproxy.ts'
import { importTelemt } from './telemt.ts'
import { importTeleproxy } from './teleproxy.ts'
import { isTable, type Table } from './value.ts'

/** A configuration of another proxy. */
export type Found = { readonly program: string; take(draft: Draft): void }
type Recognised = { readonly ok: true; readonly found: Found } | { readonly ok: false; readonly why: string }

const toml = (text: string): Table | string => {
  try {
    const read: unknown = parse(text, { integersAsBigInt: 'asNeeded' })
    return isTable(read as Table) ? (read as Table) : 'no table'
  } catch (error) {
    if (error instanceof TomlError) return `line ${error.line}, column ${error.column}`
    throw error
  }
}

const ofToml = (table: Table): Found | null => {
  if (isTable(table.access) || isTable(table.general) || isTable(table.censorship))
    return { program: 'telemt', take: (draft) => importTelemt(table, draft) }
  if ('bind-to' in table) return { program: 'mtg', take: (draft) => importMtg(table, draft) }
  if (Array.isArray(table.secret) || 'stats_port' in table)
    return { program: 'teleproxy', take: (draft) => importTeleproxy(table, draft) }
  return null
}

const looksLikePython = /^\s*(?:PORT\s*=|USERS\s*=\s*\{)/m
const looksLikeEnvironment = /(?:^|[\s-])(?:SECRET(?:_\d+)?|EE_DOMAIN)\s*[=:]/m

const unknown =
  'is not a configuration that this import knows: give config.py of mtprotoproxy, the TOML of mtg, telemt or teleproxy, a command line or systemd unit of mtproto-proxy or teleproxy, or the environment of their images'

/** Finds out which program a file is for. Never throws for its content. */
export const recognise = (text: string): Recognised => {
  const table = toml(text)
  const byToml = typeof table === 'string' ? null : ofToml(table)
  if (byToml !== null) return { ok: true, found: byToml }
  const command = commandIn(text)
  if (command !== null)
    return { ok: true, found: { program: 'mtproto-proxy', take: (draft) => importArguments(command, draft) } }
  if (looksLikePython.test(text) && /^\s*USERS\s*=/m.test(text))
    return { ok: true, found: { program: 'mtprotoproxy', take: (draft) => importMtprotoproxy(text, draft) } }
  if (looksLikeEnvironment.test(text)) {
    const variables = variablesIn(text)
    if (variables.size > 0)
      return { ok: true, found: { program: 'image', take: (draft) => importEnvironment(variables, draft) } }
  }
  const broken = typeof table === 'string' && /^\s*\[[\w.-]+\]\s*$/m.test(text)
  return { ok: false, why: broken ? `is not valid TOML (${table})` : unknown }
}
