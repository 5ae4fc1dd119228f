import { applyRules, as, type Draft, ifSet, inside, no, type Rule, same } from './draft.ts'
import { splitPlace } from './places.ts'
import { isTable, type Table, type Value } from './value.ts'

// https://github.com/9seconds/mtg, example.config.toml

const ips: Readonly<Record<string, string>> = {
  'prefer-ipv6': 'yes',
  'prefer-ipv4': 'no',
  'only-ipv6': 'only',
  'only-ipv4': 'no',
}

/** A Go duration (`1m30s`) in seconds. */
const secondsOf = (value: Value): Value => {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 }
  const parts = [...String(value).matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  const sum = parts.reduce((total, [, number, unit]) => total + Number(number) * units[unit!]!, 0)
  return parts.map(([part]) => part).join('') === String(value) ? sum : value
}

const time =
  (setting: string): Rule =>
  (value, draft) =>
    draft.set(setting, secondsOf(value))

const place =
  (host: string, port: string): Rule =>
  (value, draft, key) => {
    const read = splitPlace(String(value))
    if (read === null) return draft.leave(key, value, 'is not host:port')
    draft.set(port, read.port)
    if (read.host !== '') draft.set(host, read.host)
  }

/** What a table describes, unless `enabled = false` stands in it. */
const enabled =
  (rule: Rule): Rule =>
  (value, draft, key) => {
    if (!isTable(value) || value.enabled === true) rule(value, draft, key)
  }

const proxies: Rule = (value, draft) => {
  const urls = Array.isArray(value) ? value.map(String) : [String(value)]
  // An empty text is the plain network; the parameters tune a circuit breaker.
  const upstreams = urls.map((url) => (url === '' ? 'direct' : url.replace(/\?.*$/, '')))
  // mtg balances between several.
  const weighted = upstreams.length > 1 ? upstreams.map((one) => `${one}?weight=1`) : upstreams
  if (weighted.length > 0) draft.set('UPSTREAMS', weighted.join(','))
}

const list =
  (setting: string): Rule =>
  (value, draft) => {
    const urls = isTable(value) && Array.isArray(value.urls) ? value.urls : []
    if (urls.length > 0) draft.set(setting, urls.map(String).join(','))
  }

const proxyHeader: Rule = ifSet((_value, draft) => draft.set('MASK_PROXY_PROTOCOL', 'all'))

const fronting: Readonly<Record<string, Rule>> = {
  ip: ifSet(as('MASK_HOST')),
  host: ifSet(as('MASK_HOST')),
  port: as('MASK_PORT'),
  'proxy-protocol': proxyHeader,
}

const names = no('mtscope uses the resolver of the host')
const publicHost: Rule = ifSet((value, draft, key) => {
  if (draft.settings.has('PUBLIC_HOST')) draft.leave(key, value, 'links have one address: PUBLIC_HOST')
  else draft.set('PUBLIC_HOST', value)
})

const rules: Readonly<Record<string, Rule>> = {
  debug: no('mtscope records events; `mtscope events` prints them'),
  secret: (value, draft, key) => draft.user('user1', value, key),
  'bind-to': place('MTPROTO_HOST', 'MTPROTO_PORT'),
  'proxy-protocol-listener': ifSet(
    no('takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM'),
  ),
  concurrency: as('MAX_CONNECTIONS'),
  'tcp-buffer': no('buffers of the kernel grow by need'),
  'prefer-ip': (value, draft, key) => {
    const preferred = ips[String(value)]
    if (preferred === undefined) draft.leave(key, value, 'is not a preference that mtg documents')
    else draft.set('PREFER_IPV6', preferred)
  },
  'auto-update': no('mtscope keeps the datacenters current by itself'),
  'domain-fronting-port': as('MASK_PORT'),
  'domain-fronting-ip': ifSet(as('MASK_HOST')),
  'domain-fronting-proxy-protocol': proxyHeader,
  'domain-fronting': inside(fronting),
  'cloak-port': as('MASK_PORT'),
  'tolerate-time-skewness': time('CLOCK_SKEW'),
  'allow-fallback-on-unknown-dc': no('an unknown datacenter is looked up in what Telegram publishes'),
  'public-ipv4': publicHost,
  'public-ipv6': publicHost,
  network: inside({
    'doh-ip': names,
    dns: names,
    proxies,
    'public-ip': inside({ ipv4: publicHost, ipv6: publicHost }),
    timeout: inside({ tcp: time('TG_CONNECT_TIMEOUT'), http: same, idle: time('IDLE_TIMEOUT') }),
    'keep-alive': no('mtscope keeps connections alive by itself'),
  }),
  defense: inside({
    time: inside({ enabled: same, 'allow-skewness': time('CLOCK_SKEW') }),
    'anti-replay': (value, draft) => {
      if (isTable(value) && value.enabled === false) draft.set('REPLAY_CHECK_LEN', 0)
    },
    blocklist: enabled(list('BLOCK_LISTS')),
    allowlist: enabled(list('ALLOW_LISTS')),
    doppelganger: no('RECORD_SIZES=origin measures the masking host by itself'),
  }),
  stats: inside({
    statsd: enabled(no('statsd is not spoken; Prometheus reads /metrics, and OTEL_* sends metrics by OTLP')),
    prometheus: enabled(
      inside({
        enabled: same,
        'bind-to': place('METRICS_HOST', 'METRICS_PORT'),
        'http-path': (value, draft, key) => {
          if (value !== '/metrics') draft.leave(key, value, 'metrics are at /metrics')
        },
        'metric-prefix': no('metrics begin with mtscope_'),
      }),
    ),
  }),
}

/** The TOML of mtg 2. It serves fake TLS alone. */
export const importMtg = (table: Table, draft: Draft): void => {
  applyRules(Object.entries(table), rules, draft)
  draft.modes.clear()
  draft.modes.add('tls')
}
