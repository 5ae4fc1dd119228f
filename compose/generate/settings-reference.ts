import { composeSettings } from '../../proxy/config/compose-settings.ts'
import { type SettingName, settingNames, settings } from '../../proxy/config/settings.ts'
import { limitNames, limitSettings } from '../../proxy/config/user-limits.ts'

type Theme = readonly [title: string, names: readonly SettingName[]]

/** Every setting stands in one theme. */
const themes: readonly Theme[] = [
  [
    'Clients and links',
    [
      'MTPROTO_PORT',
      'MTPROTO_HOST',
      'MTPROTO_PORT_SHARED',
      'LISTEN',
      'PROXY_PROTOCOL_FROM',
      'PUBLIC_HOST',
      'PUBLIC_HOST_FROM',
      'PUBLIC_PORT',
    ],
  ],
  [
    'Camouflage',
    [
      'MODES',
      'TLS_DOMAIN',
      'MASK_HOST',
      'MASK_PORT',
      'MASK_HOSTS',
      'MASK_PROXY_PROTOCOL',
      'RECORD_SIZES',
      'CLOCK_SKEW',
      'REPLAY_CHECK_LEN',
    ],
  ],
  ['Who may connect', ['BLOCK_LISTS', 'ALLOW_LISTS', 'LIST_REFRESH', 'BLOCKED_CLIENTS']],
  [
    'Limits',
    ['MAX_CONNECTIONS', 'MAX_HANDSHAKES', 'MAX_CONNS_IN_POOL', 'WORKERS', 'TO_CLT_BUFSIZE', 'TO_TG_BUFSIZE'],
  ],
  [
    'Times',
    [
      'TG_CONNECT_TIMEOUT',
      'CLIENT_HANDSHAKE_TIMEOUT',
      'CLIENT_FIRST_BYTE_TIMEOUT',
      'CLIENT_ACK_TIMEOUT',
      'IDLE_TIMEOUT',
      'STALL_TIMEOUT',
      'DRAIN_SECONDS',
    ],
  ],
  [
    'Relay',
    [
      'FAST_MODE',
      'PORTABLE_RELAY',
      'TCP_CONGESTION',
      'CLIENT_MSS',
      'TCP_NOTSENT_LOWAT',
      'TELEGRAM_DATACENTERS',
      'TELEGRAM_TEST_DATACENTERS',
      'UPSTREAMS',
      'PREFER_IPV6',
    ],
  ],
  [
    'Advertising mode',
    [
      'USE_MIDDLE_PROXY',
      'AD_TAG',
      'MIDDLE_PROXY_CONNECTIONS',
      'MIDDLE_PROXY_FALLBACK',
      'MIDDLE_PROXY_CONFIG_URL',
      'MIDDLE_PROXY_CONFIG_V6_URL',
      'MIDDLE_PROXY_SECRET_URL',
    ],
  ],
  [
    'Event log',
    ['DATA_DIR', 'NODE_NAME', 'LOG_MAX_BYTES', 'LOG_MAX_AGE', 'UNAUTHENTICATED_EVENTS_PER_SECOND'],
  ],
  [
    'Status page, metrics and alerts',
    [
      'METRICS_HOST',
      'METRICS_PORT',
      'METRICS_ALLOWED_HOSTS',
      'API_TOKEN',
      'COLLECTOR_PORT',
      'PROBE_INTERVAL',
      'DOCTOR_INTERVAL',
      'ALERT_WEBHOOK_URL',
      'ALERT_WEBHOOK_SECRET',
      'ALERT_WINDOWS',
    ],
  ],
  [
    'Kafka',
    [
      'KAFKA_BROKERS',
      'KAFKA_TLS',
      'KAFKA_CA',
      'KAFKA_SASL',
      'KAFKA_USERNAME',
      'KAFKA_PASSWORD',
      'KAFKA_TOPIC_PREFIX',
      'USERS_KEY',
      'KAFKA_SPANS_TOPIC',
      'KAFKA_PARTITIONS',
      'KAFKA_REPLICAS',
      'KAFKA_RETENTION',
      'KAFKA_RETENTION_BYTES',
      'KAFKA_COMPRESSION',
    ],
  ],
  ['Redis', ['REDIS_URL', 'REDIS_CA', 'REDIS_PREFIX', 'REPLAY_ON_REDIS_LOSS', 'REPLAY_WINDOW']],
]

const userNames = settingNames.filter((name) => name.startsWith('USER_'))

/** The settings that most operators look at: the table of the README. */
const common: readonly SettingName[] = [
  'MTPROTO_PORT',
  'PUBLIC_HOST',
  'PUBLIC_PORT',
  'MODES',
  'TLS_DOMAIN',
  'MASK_HOST',
  'MAX_CONNECTIONS',
  'DRAIN_SECONDS',
  'DATA_DIR',
  'LOG_MAX_BYTES',
  'METRICS_HOST',
  'METRICS_PORT',
  'METRICS_ALLOWED_HOSTS',
  'KAFKA_BROKERS',
  'REDIS_URL',
  'ALERT_WEBHOOK_URL',
]

type Row = { readonly fallback: string; readonly doc: string; readonly secret?: true }

const row = (name: string, { fallback, doc, secret }: Row): string => {
  const meaning = `${doc.replaceAll('|', '\\|')}${secret ? ' (secret)' : ''}`
  return `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${meaning} |`
}

const users = [
  '| `USER<n>_SECRET` | for `user1`: generated, stored in `DATA_DIR` | Secret of user n, 32 hex digits (`openssl rand -hex 16`); weak ones are refused. Generated only if no `USER<n>_` setting and no user of `mtscope users` exists |',
  '| `USER<n>_NAME` | `user<n>` | Name of user n in metrics and on the status page |',
]

/** Each limit of one user; its default is the setting for all users. */
const userLimits = limitNames.map((name) => {
  const { suffix, doc, secret, fallback } = limitSettings[name]
  return row(`USER<n>_${suffix}`, {
    fallback: fallback ?? `USER_${suffix}`,
    doc,
    ...(secret ? { secret } : {}),
  })
})

const table = (rows: readonly string[]): string =>
  ['| name | default | meaning |', '|---|---|---|', ...rows].join('\n')

const rowsOf = (names: readonly SettingName[]): string[] => names.map((name) => row(name, settings[name]))

const head = `# Settings

Set them in the environment, or in a file \`.env\` in the folder where the program starts; the environment takes precedence. A
program that finds an unknown name or an invalid value reports all of them in one list and exits with code 2.

- A time is in seconds, or a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`500ms\`, \`90s\`, \`5m\`, \`12h\`, \`7d\`.
- A size is in bytes, or a number with \`K\`, \`M\` or \`G\` (powers of 1024): \`64K\`, \`256M\`, \`1G\`.
- A switch is \`true\` or \`false\`.
- \`SIGHUP\` reads users, block and allow lists again. A change of any other setting needs a restart; a log line names those that wait for one.
- Logs, error messages and events never show the value of a secret.

\`npm run generate\` writes this file from \`proxy/config/settings.ts\`.
`

/** The text of docs/settings.md. Throws when a setting stands in no theme, or in two. */
export const settingsReference = (): string => {
  const placed = [...userNames, ...themes.flatMap(([, names]) => names)]
  const stray = settingNames.filter((name) => placed.filter((one) => one === name).length !== 1)
  if (stray.length > 0) throw new Error(`settings-reference.ts: put ${stray.join(', ')} into one theme`)
  const compose = Object.entries(composeSettings).map(([name, setting]) => row(name, setting))
  return [
    head,
    `## Users\n\n${table([...users, ...userLimits, ...rowsOf(userNames)])}\n`,
    ...themes.map(([title, names]) => `## ${title}\n\n${table(rowsOf(names))}\n`),
    `## Docker compose\n\nOnly the compose files read these settings; \`npm start\` ignores them.\n\n${table(compose)}\n`,
  ].join('\n')
}

const [from, to] = ['<!-- settings -->', '<!-- /settings -->']

/** README.md with the most used settings between its markers. Throws when the markers are missing. */
export const withSettings = (readme: string): string => {
  const [start, end] = [readme.indexOf(from), readme.indexOf(to)]
  if (start < 0 || end < start) throw new Error(`README.md lacks ${from} or ${to}`)
  const link = '\nAll settings: [docs/settings.md](docs/settings.md).'
  const text = `${table([...users, ...rowsOf(common)])}\n${link}`
  return `${readme.slice(0, start + from.length)}\n${text}\n${readme.slice(end)}`
}
