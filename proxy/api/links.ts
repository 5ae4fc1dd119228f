import { limitNames, limitSettings } from '../config/user-limits.ts'
import { limitsJson } from '../user-store/record.ts'
import { qrSvg } from '../users/qr.ts'
import type { Endpoint } from './endpoint.ts'
import { everyLimit } from './limit-fields.ts'
import { found, missing, type UsersPort, userParameter } from './listed-user.ts'
import { problem } from './problem.ts'
import { list, object, oneOf, orNull, text } from './schema.ts'

const link = object({
  mode: oneOf('Mode', ['classic', 'secure', 'tls']),
  listener: orNull(text('Name of the listener in LISTEN; null where MTPROTO_PORT is the only one')),
  domain: orNull(text('Domain of fake TLS; null in other modes')),
  tg: text('Link that opens Telegram'),
  web: text('The same by way of t.me'),
  hex: text('The secret alone, as an app takes it'),
  base64url: text('The same, shorter'),
})

const links = object({ user: text('Name'), links: list(link) })

const limit = object({
  limit: text('Name of the field'),
  setting: text('Setting with the default of all users'),
  doc: text('What it limits'),
})

const noAddress = problem('unavailable', 'the address for links is not known: set PUBLIC_HOST')

export const linkEndpoints: readonly Endpoint<UsersPort>[] = [
  {
    id: 'getLinks',
    method: 'GET',
    path: '/users/{user}/links',
    tag: 'Users',
    summary: 'Links of a user, one for each mode and domain',
    parameters: userParameter,
    success: { status: 200, doc: 'The links', schema: links },
    problems: ['not-found', 'unavailable'],
    act: async (port, { path: { user = '' } }) => {
      const one = found(port, user)
      if (one === null) return missing(user)
      const all = await port.linksOf(one)
      if (all === null) return noAddress
      return { status: 200, value: { user: one.name, links: all.map(({ user: _, ...rest }) => rest) } }
    },
  },
  {
    id: 'getQr',
    method: 'GET',
    path: '/users/{user}/qr',
    tag: 'Users',
    summary: 'A link of a user as a QR code',
    parameters: userParameter,
    query: {
      mode: {
        schema: { type: 'string', enum: ['classic', 'secure', 'tls'] },
        doc: 'Mode of the link; the last one of the links by default',
      },
      domain: { schema: { type: 'string' }, doc: 'Domain of the link, in mode tls' },
    },
    success: { status: 200, doc: 'The image', schema: { type: 'string' }, contentType: 'image/svg+xml' },
    problems: ['not-found', 'unavailable'],
    act: async (port, { path: { user = '' }, query: { mode, domain } }) => {
      const one = found(port, user)
      if (one === null) return missing(user)
      const all = await port.linksOf(one)
      if (all === null) return noAddress
      const fitting = all.filter(
        (link) =>
          (mode === undefined || link.mode === mode) && (domain === undefined || link.domain === domain),
      )
      const link = domain === undefined && mode !== undefined ? fitting[0] : fitting.at(-1)
      return link === undefined
        ? problem('not-found', `user=${one.name} has no link with this mode and domain: GET its links`)
        : { status: 200, value: qrSvg(link.tg), contentType: 'image/svg+xml' }
    },
  },
  {
    id: 'listLimits',
    method: 'GET',
    path: '/limits',
    tag: 'Users',
    summary: 'The limits that a user can have, and the defaults of all users',
    success: {
      status: 200,
      doc: 'The limits',
      schema: object({ limits: list(limit), defaults: everyLimit }),
    },
    act: ({ defaults }) => ({
      status: 200,
      value: {
        limits: limitNames.map((name) => {
          const { suffix, doc, fallback } = limitSettings[name]
          return { limit: name, setting: fallback ?? `USER_${suffix}`, doc }
        }),
        defaults: limitsJson(defaults()),
      },
    }),
  },
]
