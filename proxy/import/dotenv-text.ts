import { readConfig } from '../config/config.ts'
import { isSetting, settings } from '../config/settings.ts'
import { limitOf, limitSettings } from '../config/user-limits.ts'
import { nameKey, readUserName } from '../config/user-name.ts'
import type { Mode } from '../events/contract.ts'
import { readSecret } from '../users/secret.ts'
import type { Draft, DraftUser } from './draft.ts'
import { splitPlace } from './places.ts'

export type Result = {
  /** Text of an `.env` file. */
  readonly text: string
  /** What `mtscope start` would refuse in it; empty if it can run. */
  readonly mistakes: readonly string[]
}

/** Quoted where `.env` needs it. Null: no `.env` file can hold the text. */
const quote = (value: string): string | null => {
  if (/^[^\s"'`#]*$/.test(value)) return value
  if (/[\r\n]/.test(value)) return null
  const mark = ['"', "'", '`'].find((one) => !value.includes(one))
  return mark === undefined ? null : `${mark}${value}${mark}`
}

const allModes: readonly Mode[] = ['classic', 'secure', 'tls']

/** Settings that several lines of the other configuration decide together. */
const conclude = (draft: Draft): void => {
  const modes = allModes.filter((mode) => draft.modes.has(mode))
  if (modes.length > 0) draft.set('MODES', modes.join(','))
  if (modes.includes('tls') && draft.domains.size > 0) draft.set('TLS_DOMAIN', [...draft.domains].join(','))
  const tagged =
    draft.settings.has('AD_TAG') || [...draft.users.values()].some(({ limits }) => limits.has('AD_TAG'))
  if (!tagged && draft.settings.get('USE_MIDDLE_PROXY') === 'true') {
    draft.settings.delete('USE_MIDDLE_PROXY')
    draft.leave(
      'middle proxies',
      null,
      'cost time and serve only advertising, and no tag is set: connects directly',
    )
  }
  if (draft.settings.get('USE_MIDDLE_PROXY') === 'false') draft.settings.delete('USE_MIDDLE_PROXY')
  listeners(draft)
}

/** `0.0.0.0:443` and `[::]:443` are one listener on every address. */
const everywhere = (draft: Draft): void => {
  for (const place of [...draft.listeners]) {
    const [, port] = /^0\.0\.0\.0:(\d+)$/.exec(place) ?? []
    if (port !== undefined && draft.listeners.has(`[::]:${port}`)) draft.listeners.delete(place)
  }
}

const listeners = (draft: Draft): void => {
  everywhere(draft)
  const [first, ...more] = draft.listeners
  const place = first === undefined || more.length > 0 ? null : splitPlace(first)
  if (place !== null) {
    draft.set('MTPROTO_HOST', place.host)
    draft.set('MTPROTO_PORT', place.port)
  } else if (first !== undefined) {
    draft.set('LISTEN', [...draft.listeners].join(','))
    draft.settings.delete('MTPROTO_PORT')
    draft.settings.delete('MTPROTO_HOST')
  }
}

/** The settings that this version has and that take the value; the others are left. */
const settingLines = (draft: Draft): string[] =>
  [...draft.settings].flatMap(([name, value]) => {
    const reading = isSetting(name) ? settings[name].parse(value) : null
    const quoted = quote(value)
    if (reading?.ok && quoted !== null) return `${name}=${quoted}`
    const why =
      reading === null
        ? 'is not a setting of this version'
        : reading.ok
          ? 'does not fit into .env'
          : reading.mistake
    draft.leave(name, value, why)
    return []
  })

/** The nearest name that is allowed and free. */
const freeName = (wanted: string, taken: ReadonlySet<string>): string => {
  const plain =
    readUserName(wanted) ??
    readUserName(
      wanted
        .replace(/[^\p{L}\p{N}._@-]+/gu, '-')
        .replace(/^[^\p{L}\p{N}]+/u, '')
        .slice(0, 28),
    )
  const base = plain === null || nameKey(plain) === 'other' ? 'user' : plain
  for (let number = 1; ; number++) {
    const name = number === 1 && base !== 'user' ? base : `${base.slice(0, 27)}${number}`
    if (!taken.has(nameKey(name))) return name
  }
}

const limitLines = (draft: Draft, at: number, { name, limits }: DraftUser): string[] =>
  [...limits].flatMap(([suffix, value]) => {
    const limit = limitOf(suffix)
    const reading = limit === null ? null : limitSettings[limit].parse(value)
    const quoted = quote(value)
    if (reading?.ok && quoted !== null) return `USER${at}_${suffix}=${quoted}`
    draft.leave(
      `${suffix} of user ${name}`,
      value,
      reading === null || reading.ok ? 'is not a limit here' : reading.mistake,
    )
    return []
  })

const userLines = (draft: Draft): string[] => {
  const lines: string[] = []
  const names = new Set<string>()
  const secrets = new Map<string, string>()
  let at = 0
  for (const user of draft.users.values()) {
    const reading = readSecret(user.secret)
    const twin = secrets.get(user.secret)
    if (!reading.ok || twin !== undefined) {
      const weak = `${reading.ok ? `is that of user ${twin}, too` : `the secret ${reading.mistake}`}: its links stop working`
      draft.leave(`user ${user.name}`, null, user.secret === '' ? 'has limits, but no secret' : weak)
      continue
    }
    at++
    const name = freeName(user.name, names)
    if (name !== user.name) draft.leave(`user ${user.name}`, null, `is called ${name} here`)
    names.add(nameKey(name))
    secrets.set(user.secret, name)
    lines.push(`USER${at}_NAME=${quote(name) ?? name}`, `USER${at}_SECRET=${user.secret}`)
    lines.push(...limitLines(draft, at, user))
  }
  return lines
}

/** The text of `.env` that does what `draft` does. What it cannot hold is left in the draft. */
export const dotenvText = (draft: Draft): Result => {
  conclude(draft)
  const lines = [...settingLines(draft), ...userLines(draft)]
  const text = lines.map((line) => `${line}\n`).join('')
  const reading = readConfig({}, text)
  return { text, mistakes: reading.ok ? [] : reading.mistakes }
}
