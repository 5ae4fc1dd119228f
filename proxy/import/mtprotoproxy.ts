import type { Mode } from '../events/contract.ts'
import { applyRules, as, type Draft, ifSet, limits, no, type Rule, same } from './draft.ts'
import { networkOf, socksOf } from './places.ts'
import { readPython } from './python.ts'
import { isTable, type Value } from './value.ts'

// https://github.com/alexbers/mtprotoproxy, config.py and init_config

/** `31/12/2026` → `2026-12-31`. */
const dayOf = (value: Value): Value => {
  const [, day = '', month = '', year = ''] = /^(\d\d?)\/(\d\d?)\/(\d{4})$/.exec(String(value)) ?? []
  return day === '' ? value : `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
}

const users: Rule = (value, draft, key) => {
  if (!isTable(value)) return draft.leave(key, value, 'is not a table of users')
  for (const [name, secret] of Object.entries(value)) draft.user(name, secret, `${key}["${name}"]`)
}

const oldPeriod = no('mtscope refreshes by itself')

const rules: Readonly<Record<string, Rule>> = {
  PORT: as('MTPROTO_PORT'),
  USERS: users,
  MODES: same,
  SECURE_ONLY: same,
  TLS_ONLY: same,
  TLS_DOMAIN: (value, draft) => draft.domains.add(String(value)),
  AD_TAG: ifSet((value, draft) => {
    draft.set('AD_TAG', value)
    draft.set('USE_MIDDLE_PROXY', true)
  }),
  USE_MIDDLE_PROXY: as('USE_MIDDLE_PROXY'),
  MY_DOMAIN: ifSet(as('PUBLIC_HOST')),
  PREFER_IPV6: (value, draft) => draft.set('PREFER_IPV6', value === true ? 'yes' : 'no'),
  FAST_MODE: as('FAST_MODE'),
  PROXY_PROTOCOL: ifSet((value, draft, key) =>
    draft.leave(
      key,
      value,
      'takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM',
    ),
  ),
  MASK: (value, draft) => {
    if (value === false) draft.set('MASK_HOST', 'off')
  },
  MASK_HOST: ifSet((value, draft) => {
    if (draft.settings.get('MASK_HOST') !== 'off') draft.set('MASK_HOST', value)
  }),
  MASK_PORT: as('MASK_PORT'),
  SOCKS5_HOST: same,
  SOCKS5_PORT: same,
  SOCKS5_USER: same,
  SOCKS5_PASS: same,
  USER_MAX_TCP_CONNS: limits('MAX_CONNECTIONS'),
  USER_EXPIRATIONS: limits('EXPIRES', dayOf),
  USER_DATA_QUOTA: limits('QUOTA_TOTAL'),
  REPLAY_CHECK_LEN: as('REPLAY_CHECK_LEN'),
  IGNORE_TIME_SKEW: ifSet((_value, draft) => draft.set('CLOCK_SKEW', '1d')),
  CLIENT_IPS_LEN: no('mtscope counts clients by itself'),
  STATS_PRINT_PERIOD: no('the status page and /metrics have these figures'),
  PROXY_INFO_UPDATE_PERIOD: oldPeriod,
  GET_TIME_PERIOD: no('the doctor compares the clock'),
  GET_CERT_LEN_PERIOD: oldPeriod,
  TO_CLT_BUFSIZE: (value, draft) =>
    draft.set('TO_CLT_BUFSIZE', Array.isArray(value) ? value.join(',') : value),
  TO_TG_BUFSIZE: (value, draft) =>
    draft.set('TO_TG_BUFSIZE', Array.isArray(value) ? Math.max(...value.map(Number)) : value),
  CLIENT_KEEPALIVE: no('mtscope keeps connections alive by itself'),
  CLIENT_HANDSHAKE_TIMEOUT: as('CLIENT_HANDSHAKE_TIMEOUT'),
  CLIENT_ACK_TIMEOUT: as('CLIENT_ACK_TIMEOUT'),
  TG_CONNECT_TIMEOUT: as('TG_CONNECT_TIMEOUT'),
  TG_READ_TIMEOUT: as('IDLE_TIMEOUT'),
  LISTEN_ADDR_IPV4: same,
  LISTEN_ADDR_IPV6: same,
  LISTEN_UNIX_SOCK: ifSet((value, draft) => draft.listen(`unix:${value}`)),
  METRICS_PORT: ifSet(as('METRICS_PORT')),
  METRICS_LISTEN_ADDR_IPV4: ifSet(
    no('METRICS_HOST is 127.0.0.1 unless you set it: /metrics shows who connects'),
  ),
  METRICS_LISTEN_ADDR_IPV6: ifSet(no('METRICS_HOST is one address')),
  METRICS_WHITELIST: no(
    'METRICS_HOST decides who reaches /metrics: a loopback address, or one that a firewall guards',
  ),
  METRICS_EXPORT_LINKS: ifSet(no('metrics never contain links, which contain secrets')),
  METRICS_PREFIX: no('metrics begin with mtscope_'),
}

/** Before MODES existed, every mode was on. */
const modesOf = (given: ReadonlyMap<string, Value>): readonly Mode[] => {
  const table = given.get('MODES')
  const modes: readonly Mode[] = ['classic', 'secure', 'tls']
  const on = isTable(table) ? modes.filter((mode) => table[mode] === true) : modes
  if (given.get('TLS_ONLY') === true) return on.filter((mode) => mode === 'tls')
  return given.get('SECURE_ONLY') === true ? on.filter((mode) => mode !== 'classic') : on
}

/** Both addresses are open by default. */
const listenOf = (given: ReadonlyMap<string, Value>, draft: Draft): void => {
  const four = given.get('LISTEN_ADDR_IPV4') ?? '0.0.0.0'
  const six = given.get('LISTEN_ADDR_IPV6') ?? '::'
  // A Unix socket comes in addition.
  if (six === '::' && four === '0.0.0.0' && draft.listeners.size === 0) return
  const port = String(given.get('PORT') ?? 443)
  const places = [
    ...(four === null || four === '' ? [] : [networkOf(String(four), port)]),
    ...(six === null || six === '' ? [] : [networkOf(String(six), port)]),
  ]
  for (const place of places) draft.listen(place)
}

/** `config.py`: only assignments of literals are read, nothing is run. */
export const importMtprotoproxy = (text: string, draft: Draft): void => {
  const { assignments, unread } = readPython(text)
  const given = new Map(assignments.map(({ name, value }) => [name, value]))
  applyRules(given, rules, draft)
  for (const mode of modesOf(given)) draft.modes.add(mode)
  if (!given.has('PORT')) draft.set('MTPROTO_PORT', 443)
  if (draft.domains.size === 0) draft.domains.add('www.google.com')
  listenOf(given, draft)
  const host = given.get('SOCKS5_HOST')
  if (typeof host === 'string' && host !== '') {
    const [user, password] = [given.get('SOCKS5_USER'), given.get('SOCKS5_PASS')]
    draft.set('UPSTREAMS', socksOf(host, String(given.get('SOCKS5_PORT') ?? 1080), user, password))
  }
  if (draft.modes.has('tls') && draft.domains.size > 0)
    draft.leave(
      'TLS_DOMAIN',
      [...draft.domains][0] ?? '',
      'was only printed: links that you gave out with another domain need it in TLS_DOMAIN, too',
    )
  for (const { text: statement, line } of unread)
    draft.leave(`line ${line}`, statement, 'is not the assignment of a literal, and is not run')
}
