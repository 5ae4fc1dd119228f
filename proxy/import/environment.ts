import { shellWords } from './command-line.ts'
import type { Draft } from './draft.ts'
import { splitPlace } from './places.ts'

// https://hub.docker.com/r/telegrammessenger/proxy, and docs/docker/configuration.md of teleproxy

/** `NAME=value` lines, and `-e NAME=value` of a `docker run` line. */
export const variablesIn = (text: string): Map<string, string> => {
  const variables = new Map<string, string>()
  const add = (assignment: string): void => {
    const [, name = '', value = ''] = /^([A-Z][A-Z0-9_]*)=([\s\S]*)$/.exec(assignment) ?? []
    if (name !== '') variables.set(name, value)
  }
  const joined = text.replace(/\\\r?\n/g, ' ')
  for (const line of joined.split('\n')) {
    const words = shellWords(line.replace(/^\s*(?:export\s+|-\s+)?/, ''))
    if (words[0] === 'docker') {
      for (const [at, word] of words.entries()) {
        if (word === '-e' || word === '--env') add(words[at + 1] ?? '')
        else add(/^--env=(.*)$/s.exec(word)?.[1] ?? '')
      }
      continue
    }
    // `NAME: value` is how compose files write it.
    const [, name = '', value = ''] = /^([A-Z][A-Z0-9_]*):\s+(.*)$/.exec(words.join(' ')) ?? []
    if (name === '') add(words.join(' '))
    else add(`${name}=${value}`)
  }
  return variables
}

type Take = (value: string, draft: Draft, name: string) => unknown

const set =
  (setting: string): Take =>
  (value, draft) =>
    draft.set(setting, value)
const leave =
  (why: string): Take =>
  (value, draft, name) =>
    draft.leave(name, value, why)

/** Secrets with commas between, each as SECRET, SECRET:label or SECRET:label:limit. */
const secrets: Take = (value, draft, name) => {
  for (const item of value.split(',')) {
    const [text = '', label = '', limit = ''] = item.trim().split(':')
    const user = label || `user${draft.users.size + 1}`
    draft.user(user, text, name)
    if (/^[1-9]\d*$/.test(limit)) draft.limit(user, 'MAX_CONNECTIONS', Number(limit))
  }
}

const rules: Readonly<Record<string, Take>> = {
  SECRET: secrets,
  TAG: set('AD_TAG'),
  PROXY_TAG: set('AD_TAG'),
  WORKERS: leave('WORKERS=auto runs one relay thread for each core'),
  SECRET_COUNT: leave('the secrets that it made are in the file `secret` of its volume: give them as SECRET'),
  PORT: set('MTPROTO_PORT'),
  EXTERNAL_PORT: set('PUBLIC_PORT'),
  EXTERNAL_IP: set('PUBLIC_HOST'),
  IP: set('PUBLIC_HOST'),
  STATS_PORT: set('METRICS_PORT'),
  STATS_ALLOW_NET: leave('METRICS_HOST decides who reaches /metrics'),
  DIRECT_MODE: (value, draft) => draft.set('USE_MIDDLE_PROXY', value !== 'true' && value !== '1'),
  RANDOM_PADDING: (value, draft) => {
    if (value === 'true' || value === '1') draft.modes.add('secure')
  },
  EE_DOMAIN: (value, draft) => {
    for (const one of value.split(',')) draft.domains.add(one.trim())
  },
  EE_BACKEND: (value, draft) => {
    const place = value.startsWith('unix:') ? null : splitPlace(value)
    draft.set('MASK_HOST', place?.host ?? value)
    if (place !== null) draft.set('MASK_PORT', place.port)
  },
  IP_BLOCKLIST: set('BLOCK_LISTS'),
  IP_ALLOWLIST: set('ALLOW_LISTS'),
  SOCKS5_PROXY: set('UPSTREAMS'),
  CONFIG_DOWNLOAD_PROXY: leave('mtscope fetches what Telegram publishes without a proxy'),
  PROXY_PROTOCOL: (value, draft, name) => {
    if (value === 'true' || value === '1')
      draft.leave(
        name,
        value,
        'takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM',
      )
  },
  DC_OVERRIDE: leave(
    'TELEGRAM_DATACENTERS replaces the whole table: write all of it, as 1=host:port,2=host:port',
  ),
  MAX_CONNECTIONS: set('MAX_CONNECTIONS'),
  DC_PROBE_INTERVAL: set('PROBE_INTERVAL'),
  DEBUG: leave('mtscope records events; `mtscope events` prints them'),
}

const limits: Readonly<Record<string, string>> = {
  LIMIT: 'MAX_CONNECTIONS',
  QUOTA: 'QUOTA_TOTAL',
  MAX_IPS: 'MAX_IPS',
  EXPIRES: 'EXPIRES',
  RATE_LIMIT: 'RATE_DOWN',
}

/** `SECRET_1`, `SECRET_LABEL_1`, `SECRET_LIMIT_1`, … */
const numbered = (variables: ReadonlyMap<string, string>, draft: Draft): Set<string> => {
  const taken = new Set<string>()
  for (const [name, value] of variables) {
    const [, number = ''] = /^SECRET_(\d{1,2})$/.exec(name) ?? []
    if (number === '') continue
    const label = variables.get(`SECRET_LABEL_${number}`)
    const user = label ?? `user${draft.users.size + 1}`
    draft.user(user, value, name)
    for (const [part, suffix] of Object.entries(limits)) {
      const limit = variables.get(`SECRET_${part}_${number}`)
      if (limit !== undefined && limit !== '0') draft.limit(user, suffix, limit)
      taken.add(`SECRET_${part}_${number}`)
    }
    taken.add(name).add(`SECRET_LABEL_${number}`)
  }
  return taken
}

/** The environment of the official image, or of teleproxy's. */
export const importEnvironment = (variables: ReadonlyMap<string, string>, draft: Draft): void => {
  draft.set('MTPROTO_PORT', 443)
  draft.set('USE_MIDDLE_PROXY', true)
  const taken = numbered(variables, draft)
  for (const [name, value] of variables) {
    if (taken.has(name) || value === '') continue
    const rule = Object.hasOwn(rules, name) ? rules[name]! : leave('is not a variable that this import knows')
    rule(value, draft, name)
  }
  if (draft.domains.size > 0) draft.modes.add('tls')
  else if (draft.modes.size === 0) draft.modes.add('classic').add('secure')
}
