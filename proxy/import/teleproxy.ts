import { applyRules, as, type Draft, ifSet, no, type Rule, same } from './draft.ts'
import { isTable, type Table, textOf, type Value } from './value.ts'

// https://github.com/teleproxy/teleproxy, docs/deployment

/** Unix seconds, or a TOML date. */
const expiry = (value: Value): string =>
  typeof value === 'number' || typeof value === 'bigint'
    ? new Date(Number(value) * 1_000).toISOString()
    : textOf(value)

const limits: Readonly<Record<string, { suffix: string; convert?: (value: Value) => Value }>> = {
  limit: { suffix: 'MAX_CONNECTIONS' },
  quota: { suffix: 'QUOTA_TOTAL' },
  rate_limit: { suffix: 'RATE_DOWN' },
  max_ips: { suffix: 'MAX_IPS' },
  expires: { suffix: 'EXPIRES', convert: expiry },
}

const secrets: Rule = (value, draft, key) => {
  for (const [at, one] of (Array.isArray(value) ? value : []).entries()) {
    if (!isTable(one)) continue
    const { key: secret, label, ...rest } = one
    const name = typeof label === 'string' && label !== '' ? label : `user${at + 1}`
    draft.user(name, secret ?? null, `${key}[${at}].key`)
    for (const [field, limit] of Object.entries(rest)) {
      const known = limits[field]
      if (known === undefined)
        draft.leave(`${key}[${at}].${field}`, limit, 'is not a setting that this import knows')
      else if (Number(limit) !== 0) draft.limit(name, known.suffix, known.convert?.(limit) ?? limit)
    }
  }
}

const hosts: Rule = (value, draft) => {
  const backends: string[] = []
  for (const one of Array.isArray(value) ? value : [value]) {
    const name = isTable(one) ? textOf(one.name ?? '') : textOf(one)
    if (name !== '') draft.domains.add(name)
    if (isTable(one) && typeof one.backend === 'string') backends.push(`${name}=${one.backend}`)
  }
  if (backends.length > 0) draft.set('MASK_HOSTS', backends.join(','))
}

const rules: Readonly<Record<string, Rule>> = {
  port: ifSet(as('MTPROTO_PORT')),
  stats_port: ifSet(as('METRICS_PORT')),
  external_port: ifSet(as('PUBLIC_PORT')),
  workers: ifSet(no('WORKERS=auto runs one relay thread for each core')),
  max_connections: ifSet(as('MAX_CONNECTIONS')),
  maxconn: ifSet(no('is a limit of one worker; MAX_CONNECTIONS holds for all threads')),
  bind: ifSet(as('MTPROTO_HOST')),
  ipv6: same,
  user: ifSet(no('the systemd unit and the container have a user of their own')),
  direct: (value, draft) => draft.set('USE_MIDDLE_PROXY', value !== true),
  proxy_tag: ifSet(as('AD_TAG')),
  http_stats: same,
  stats_allow_net: ifSet(no('METRICS_HOST decides who reaches /metrics')),
  top_ips_per_secret: ifSet(no('events have networks, never addresses')),
  ja4_log: ifSet(no('events of refused clients have the JA4 fingerprint')),
  ip_blocklist: ifSet(as('BLOCK_LISTS')),
  ip_allowlist: ifSet(as('ALLOW_LISTS')),
  random_padding_only: ifSet((_value, draft) => draft.modes.add('secure')),
  proxy_protocol: ifSet(
    no('takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM'),
  ),
  mss_clamp: ifSet(no('CLIENT_MSS sets the size of the segments of a handshake')),
  dc_probe_interval: ifSet(as('PROBE_INTERVAL')),
  drain_timeout_secs: as('DRAIN_SECONDS'),
  socks5: ifSet(as('UPSTREAMS')),
  secret: secrets,
  domain: hosts,
  dc_override: no(
    'TELEGRAM_DATACENTERS replaces the whole table: write all of it, as 1=host:port,2=host:port',
  ),
}

/** The TOML of teleproxy. */
export const importTeleproxy = (table: Table, draft: Draft): void => {
  draft.set('USE_MIDDLE_PROXY', true)
  applyRules(Object.entries(table), rules, draft)
  if (draft.domains.size > 0) {
    draft.modes.clear()
    draft.modes.add('tls')
  } else if (draft.modes.size === 0) draft.modes.add('classic').add('secure')
}
