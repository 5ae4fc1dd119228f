import type { ApiLink, ApiUser, Limit, Limits, UserAction, WrittenLimits } from './api-types.ts'
import { h, type Piece } from './piece.ts'
import { written } from './user-limits.ts'

/** The content of the dialog, as plain values. */

const names: Record<keyof Limits, string> = {
  maxConnections: 'Connections',
  maxAddresses: 'Addresses at a time',
  quotaDay: 'Bytes a day',
  quotaMonth: 'Bytes a month',
  quotaTotal: 'Bytes in all',
  expiresAt: 'Expires',
  rateUp: 'Bytes per second up',
  rateDown: 'Bytes per second down',
  modes: 'Modes',
  networks: 'Networks',
  adTag: 'Ad tag',
}

const effects: Record<Exclude<UserAction, 'enable'>, string> = {
  disable: 'Its clients are refused and its open connections end, until it is enabled again.',
  rotate: 'It gets a new secret. Its old links stop working, and its open connections end.',
  remove: 'Its links stop working, and its open connections end. This cannot be undone.',
}

const title = (text: string, user?: string): Piece =>
  h('h2', { id: 'dialog-title' }, text, ...(user === undefined ? [] : [' ', h('bdi', {}, user)]))

/** Its text is set when the API refuses. */
const problem: Piece = h('p', { class: 'problem', role: 'alert' })

const foot = (...buttons: Piece[]): Piece =>
  h('div', { class: 'actions' }, ...buttons, h('button', { type: 'button', 'data-close': true }, 'Close'))

const submit = (label: string): Piece => h('button', { type: 'submit', class: 'main' }, label)

export const confirmDialog = (action: Exclude<UserAction, 'enable'>, user: string): Piece[] => {
  const label = `${action[0]?.toUpperCase()}${action.slice(1)}`
  return [
    h(
      'form',
      { id: 'dialog-form' },
      title(label, user),
      h('p', {}, effects[action]),
      problem,
      foot(submit(label)),
    ),
  ]
}

const linkPiece = ({ mode, domain, tg, web }: ApiLink, at: number): Piece => {
  const label = domain === null ? mode : `${mode}, ${domain}`
  return h(
    'li',
    {},
    h('h3', {}, label),
    h('code', {}, web),
    h(
      'div',
      { class: 'actions' },
      h('a', { href: tg, class: 'button' }, 'Open in Telegram'),
      h('button', { type: 'button', 'data-copy': web, 'aria-label': `Copy link, ${label}` }, 'Copy'),
      h('button', { type: 'button', 'data-qr': at, 'aria-label': `QR code, ${label}` }, 'QR code'),
    ),
  )
}

export const linksDialog = (user: string, links: readonly ApiLink[]): Piece[] => [
  title('Links of', user),
  h('p', { class: 'fine' }, 'Each link has the secret of the user: send it to that person only.'),
  problem,
  h('ul', { class: 'links' }, ...links.map(linkPiece)),
  foot(),
]

const field = (limit: Limit, own: Limits, defaults: Limits): Piece => {
  const id = `limit-${limit.limit}`
  const fallback = written(defaults, limit.limit)
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, names[limit.limit] ?? limit.limit),
    h('input', {
      id,
      name: limit.limit,
      value: written(own, limit.limit),
      placeholder: fallback === '' || fallback === 'none' ? 'no limit' : `${fallback} (default)`,
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-describedby': `${id}-doc`,
    }),
    h('span', { class: 'fine', id: `${id}-doc` }, limit.doc),
  )
}

const limitsForm = (limits: readonly Limit[], own: Limits, defaults: Limits): Piece =>
  h('div', { class: 'fields' }, ...limits.map((limit) => field(limit, own, defaults)))

const hint = 'Empty: the default of all users holds. none: no limit.'

export type LimitTable = { readonly limits: readonly Limit[]; readonly defaults: Limits }

export const limitsDialog = ({ name, limits: own }: ApiUser, { limits, defaults }: LimitTable): Piece[] => [
  h(
    'form',
    { id: 'dialog-form' },
    title('Limits of', name),
    h('p', { class: 'fine' }, hint),
    problem,
    limitsForm(limits, own, defaults),
    foot(submit('Save')),
  ),
]

export const addDialog = ({ limits, defaults }: LimitTable): Piece[] => [
  h(
    'form',
    { id: 'dialog-form' },
    title('Add user'),
    problem,
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'new-name' }, 'Name'),
      h('input', { id: 'new-name', name: 'name', autocomplete: 'off', required: true, maxlength: 96 }),
    ),
    h(
      'details',
      {},
      h('summary', {}, 'Limits'),
      h('p', { class: 'fine' }, hint),
      limitsForm(limits, {}, defaults),
    ),
    foot(submit('Add')),
  ),
]

/** The limits that a form changes: those whose text is another than before; an empty one is the default again. */
export const editsOf = (form: Readonly<Record<string, string>>, own: Limits): WrittenLimits =>
  Object.fromEntries(
    Object.keys(names).flatMap((name) => {
      const text = form[name]?.trim()
      if (text === undefined || text === written(own, name as keyof Limits)) return []
      return [[name, text === '' ? 'default' : text]]
    }),
  )
