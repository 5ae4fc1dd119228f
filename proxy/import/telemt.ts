import type { Mode } from '../events/contract.ts'
import { applyRules, as, type Draft, ifSet, inside, limits, no, type Rule, same } from './draft.ts'
import { networkOf, socksOf, splitPlace } from './places.ts'
import { isTable, type Table, type Value } from './value.ts'

// https://github.com/telemt/telemt, docs/CONFIG_PARAMS.en.md

const modes: Rule = (value, draft) => {
  if (!isTable(value)) return
  for (const mode of ['classic', 'secure', 'tls'] satisfies Mode[]) {
    if (value[mode] === true) draft.modes.add(mode)
    if (value[mode] === false) draft.modes.delete(mode)
  }
}

const domain: Rule = (value, draft) => {
  for (const one of Array.isArray(value) ? value : [value]) draft.domains.add(String(one))
}

const tag: Rule = ifSet(as('AD_TAG'))

const users: Rule = (value, draft, key) => {
  if (!isTable(value)) return draft.leave(key, value, 'is not a table of users')
  for (const [name, secret] of Object.entries(value)) draft.user(name, secret, `${key}.${name}`)
}

const userTags: Rule = (value, draft, key) => limits('AD_TAG')(value, draft, key)

const balancer = ifSet(
  no('takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM'),
)

const listeners: Rule = (value, draft, key) => {
  for (const one of Array.isArray(value) ? value : []) {
    if (!isTable(one)) continue
    const { ip, port, announce, announce_ip: announceIp, proxy_protocol: header } = one
    draft.listen(
      networkOf(String(ip ?? '0.0.0.0'), String(port ?? draft.settings.get('MTPROTO_PORT') ?? 443)),
    )
    const named = announce ?? announceIp ?? null
    if (named !== null && !draft.settings.has('PUBLIC_HOST')) draft.set('PUBLIC_HOST', named)
    if (header === true) balancer(header, draft, `${key}.proxy_protocol`)
  }
}

const upstreams: Rule = (value, draft, key) => {
  const texts = (Array.isArray(value) ? value : []).flatMap((one) => {
    const text = isTable(one) && one.enabled !== false ? upstream(one) : null
    if (text === null && isTable(one) && one.enabled !== false)
      draft.leave(`${key}.type`, one.type ?? null, 'is not direct, socks5 or a source address')
    return text ?? []
  })
  if (texts.length > 0 && texts.join() !== 'direct') draft.set('UPSTREAMS', texts.join(','))
}

const upstream = (one: Table): string | null => {
  const weight =
    typeof one.weight === 'number' || typeof one.weight === 'bigint' ? `?weight=${one.weight}` : ''
  if (one.type === 'socks5') {
    const place = splitPlace(String(one.address ?? ''))
    return place && `${socksOf(place.host, place.port, one.username, one.password)}${weight}`
  }
  if (one.type !== 'direct') return null
  const bound = Array.isArray(one.bind_addresses) ? one.bind_addresses.map(String) : []
  const from = typeof one.interface === 'string' ? one.interface : bound[0]
  return from === undefined || from === '' ? `direct${weight}` : `bind:${from}${weight}`
}

const datacenters: Rule = (value, draft, key) => {
  if (isTable(value) && Object.keys(value).length > 0)
    draft.leave(
      key,
      value,
      'TELEGRAM_DATACENTERS replaces the whole table: write all of it, as 1=host:port,2=host:port',
    )
}

const metrics: Rule = ifSet((value, draft, key) => {
  const place = splitPlace(String(value))
  if (place === null) return draft.leave(key, value, 'is not host:port')
  draft.set('METRICS_PORT', place.port)
  draft.leave(key, value, 'METRICS_HOST is 127.0.0.1 unless you set it: /metrics shows who connects')
})

const pool =
  /^(?:me_|middle_proxy_|proxy_secret|proxy_config|stun_|hardswap|rpc_proxy|beobachten|desync|crypto_)/

const general: Readonly<Record<string, Rule>> = {
  modes,
  links: inside({
    show: no('the links are on the status page and from `mtscope users link`'),
    public_host: ifSet(as('PUBLIC_HOST')),
    public_port: ifSet(as('PUBLIC_PORT')),
  }),
  fast_mode: as('FAST_MODE'),
  use_middle_proxy: as('USE_MIDDLE_PROXY'),
  ad_tag: tag,
  middle_proxy_nat_ip: ifSet(as('PUBLIC_HOST')),
  me2dc_fallback: (value, draft) => draft.set('MIDDLE_PROXY_FALLBACK', value === false ? 'refuse' : 'direct'),
  prefer_ipv6: ifSet((_value, draft) => draft.set('PREFER_IPV6', 'yes')),
  log_level: no('mtscope records events; `mtscope events` prints them'),
  disable_colors: same,
  data_path: no('DATA_DIR is mtscope’s own folder'),
}

const rules: Readonly<Record<string, Rule>> = {
  general: (value, draft, key) => {
    if (!isTable(value)) return draft.leave(key, value, 'is not a table')
    const tuning = (name: string): boolean => pool.test(name) && !Object.hasOwn(general, name)
    for (const [name, setting] of Object.entries(value)) {
      if (tuning(name)) draft.leave(`${key}.${name}`, setting, 'tunes how telemt reaches middle proxies')
    }
    const rest = Object.entries(value).filter(([name]) => !tuning(name))
    applyRules(rest, general, draft, `${key}.`)
  },
  network: inside({
    ipv4: same,
    ipv6: (value, draft) => {
      if (value === false) draft.set('PREFER_IPV6', 'no')
    },
    prefer: (value, draft) => draft.set('PREFER_IPV6', Number(value) === 6 ? 'yes' : 'no'),
    multipath: ifSet(no('Multipath TCP is not used')),
    stun_use: same,
    stun_servers: no('PUBLIC_HOST=auto finds the address of this host'),
  }),
  server: inside({
    port: as('MTPROTO_PORT'),
    listen_addr_ipv4: same,
    listen_addr_ipv6: same,
    listeners,
    listen_unix_sock: ifSet((value, draft) => draft.listen(`unix:${value}`)),
    listen_unix_sock_perm: no('write it behind the path in LISTEN, as unix:/run/mtscope.sock?mode=0660'),
    listen_tcp: same,
    proxy_protocol: balancer,
    max_connections: ifSet(as('MAX_CONNECTIONS')),
    metrics_port: ifSet(as('METRICS_PORT')),
    metrics_listen: metrics,
    metrics_whitelist: no('METRICS_HOST decides who reaches /metrics'),
    api: inside({
      enabled: same,
      listen: no('the API is on METRICS_PORT'),
      whitelist: no('METRICS_HOST and API_TOKEN decide who reaches the API'),
      auth_header: no('API_TOKEN is a bearer token'),
    }),
  }),
  timeouts: inside({
    client_handshake: as('CLIENT_HANDSHAKE_TIMEOUT'),
    tg_connect: as('TG_CONNECT_TIMEOUT'),
    client_keepalive: no('mtscope keeps connections alive by itself'),
    client_ack: as('CLIENT_ACK_TIMEOUT'),
  }),
  censorship: inside({
    tls_domain: domain,
    tls_domains: domain,
    mask: (value, draft) => {
      if (value === false) draft.set('MASK_HOST', 'off')
    },
    mask_host: ifSet((value, draft) => {
      if (draft.settings.get('MASK_HOST') !== 'off') draft.set('MASK_HOST', value)
    }),
    mask_port: as('MASK_PORT'),
    mask_unix_sock: ifSet((value, draft) => draft.set('MASK_HOST', `unix:${value}`)),
    mask_proxy_protocol: ifSet((value, draft, key) => {
      if (Number(value) === 2) draft.set('MASK_PROXY_PROTOCOL', 'all')
      else draft.leave(key, value, 'MASK_PROXY_PROTOCOL sends version 2')
    }),
    fake_cert_len: same,
    tls_emulation: same,
    tls_front_dir: same,
  }),
  access: inside({
    users,
    user_ad_tags: userTags,
    user_max_tcp_conns: limits('MAX_CONNECTIONS'),
    user_max_tcp_conns_global_each: ifSet(as('USER_MAX_CONNECTIONS')),
    user_expirations: limits('EXPIRES', (value: Value) =>
      value instanceof Date ? value.toISOString() : value,
    ),
    user_data_quota: limits('QUOTA_TOTAL'),
    user_max_unique_ips: limits('MAX_IPS'),
    user_max_unique_ips_global_each: ifSet(as('USER_MAX_IPS')),
    replay_check_len: as('REPLAY_CHECK_LEN'),
    replay_window_secs: no('REPLAY_WINDOW is for a fleet; the replay cache has no time limit otherwise'),
    ignore_time_skew: ifSet((_value, draft) => draft.set('CLOCK_SKEW', '1d')),
  }),
  upstreams,
  show_link: no('the links are on the status page and from `mtscope users link`'),
  dc_overrides: datacenters,
  default_dc: no('an unknown datacenter is looked up in what Telegram publishes'),
  include: no('is not followed: give the included file as well'),
}

/** The TOML of telemt. */
export const importTelemt = (table: Table, draft: Draft): void => {
  draft.modes.add('tls')
  draft.set('MTPROTO_PORT', 443)
  applyRules(Object.entries(table), rules, draft)
  // Its default: middle proxies.
  if (!draft.settings.has('USE_MIDDLE_PROXY')) draft.set('USE_MIDDLE_PROXY', true)
}
