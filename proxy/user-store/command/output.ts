import { limitNames, limitSettings } from '../../config/user-limits.ts'
import type { Link } from '../../users/links.ts'
import type { User } from '../../users/user.ts'
import type { ManagedUser } from '../managed-user.ts'
import { limitsJson, limitText, publicRecord } from '../record.ts'

/** A user with its source. */
export type Listed =
  | { readonly source: 'setting'; readonly user: User }
  | { readonly source: 'store'; readonly user: ManagedUser }

/** Without the secret. */
export const listedJson = (one: Listed): object => {
  if (one.source === 'store') return { source: one.source, ...publicRecord(one.user) }
  const { name, enabled, limits } = one.user
  return { source: one.source, name, enabled, limits: limitsJson(limits) }
}

const limitsText = ({ limits }: User): string =>
  limitNames
    .flatMap((name) => {
      const value = limits[name]
      const shown = limitSettings[name].secret ? 'set' : value === undefined ? '' : limitText(name, value)
      return value === undefined ? [] : [`${limitSettings[name].suffix}=${shown}`]
    })
    .join(' ')

const minute = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

const row = (one: Listed): string[] => {
  const { user, source } = one
  const changed = one.source === 'store' ? [minute(one.user.changedAt), one.user.by] : ['', '']
  return [user.name, user.enabled ? 'enabled' : 'disabled', source, ...changed, limitsText(user)]
}

/** A table with aligned columns. */
export const tableOf = (users: readonly Listed[]): string => {
  const rows = [['NAME', 'STATE', 'SOURCE', 'CHANGED (UTC)', 'BY', 'LIMITS'], ...users.map(row)]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => [...cells[column]!].length)))
  const padded = (cell: string, column: number): string =>
    cell + ' '.repeat(widths[column]! - [...cell].length)
  return rows.map((cells) => `${cells.map(padded).join('  ').trimEnd()}\n`).join('')
}

export const linksText = (links: readonly Link[]): string =>
  links
    .map(({ mode, tg, web, hex, base64url }) =>
      [`${mode}:`, `  ${tg}`, `  ${web}`, `  secret ${hex}`, `  secret ${base64url}`, ''].join('\n'),
    )
    .join('')
