type Environment = Readonly<Record<string, string | undefined>>

/** One line for each invalid or incomplete receiver setting: with it, alerts would silently go nowhere. */
export const receiverMistakes = (env: Environment): string[] => {
  const pairs: readonly (readonly [string, string])[] = [
    ['ALERT_EMAIL_TO', 'ALERT_EMAIL_FROM'],
    ['ALERT_EMAIL_TO', 'ALERT_SMTP_HOST'],
    ['ALERT_EMAIL_FROM', 'ALERT_EMAIL_TO'],
    ['ALERT_SMTP_HOST', 'ALERT_EMAIL_TO'],
    ['ALERT_SMTP_USER', 'ALERT_SMTP_PASSWORD'],
    ['ALERT_SMTP_PASSWORD', 'ALERT_SMTP_USER'],
    ['ALERT_TELEGRAM_TOKEN', 'ALERT_TELEGRAM_CHAT'],
    ['ALERT_TELEGRAM_CHAT', 'ALERT_TELEGRAM_TOKEN'],
  ]
  // For an invalid value Alertmanager refuses its whole configuration.
  const shapes: readonly (readonly [string, RegExp, string])[] = [
    ['ALERT_RECEIVER_URL', /^https?:\/\/[^/]/, 'an http:// or https:// address'],
    ['ALERT_SMTP_HOST', /^[^:\s]+:\d+$|^\[[^\]]+\]:\d+$/, 'host:port, as smtp.example.org:587'],
    ['ALERT_SMTP_TLS', /^(?:true|false)$/, 'true or false'],
    ['ALERT_TELEGRAM_CHAT', /^-?\d+$/, 'a number, as -1001234567890: ask the bot @userinfobot'],
    ['ALERT_TELEGRAM_API', /^https?:\/\/[^/]/, 'an http:// or https:// address'],
    [
      'ALERT_RUNBOOK_URL',
      /^https?:\/\/[^/\s"#{}$\\][^\s"#{}$\\]*$/,
      'an http:// or https:// address without #',
    ],
  ]
  return [
    ...pairs.filter(([a, b]) => env[a] && !env[b]).map(([a, b]) => `${a} requires ${b}: set both in .env`),
    ...shapes.flatMap(([name, shape, what]) => {
      const value = env[name]
      return value && !shape.test(value) ? [`${name} must be ${what}`] : []
    }),
  ]
}

// Alertmanager's default texts omit the summary and link to Alertmanager. https://prometheus.io/docs/alerting/latest/notifications/
const subject = `{{ if .Alerts.Firing }}{{ with index .Alerts.Firing 0 }}{{ .Labels.severity }}: {{ .Annotations.summary }}{{ end }}{{ else }}cleared: {{ (index .Alerts 0).Annotations.summary }}{{ end }}{{ if gt (len .Alerts) 1 }} (one of {{ len .Alerts }}){{ end }}`
const about = `{{ range (.Labels.Remove (stringSlice "alertname" "rule" "severity" "job")).SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}`
const time = '.UTC.Format "2006-01-02 15:04:05"'

/** Template of the runbook link: the rule's own, which leads to loopback, or the same section of `ALERT_RUNBOOK_URL`. */
const runbook = ({ ALERT_RUNBOOK_URL }: Environment): string =>
  ALERT_RUNBOOK_URL
    ? `{{ reReplaceAll "^[^#]*" "${ALERT_RUNBOOK_URL}" .Annotations.runbook_url }}`
    : '{{ .Annotations.runbook_url }}'

/** Template of e-mails and Telegram messages. Plain text, so that no label or cut-off can break the markup. */
const message = (
  env: Environment,
): string => `{{ range .Alerts.Firing }}{{ .Labels.severity | toUpper }}: {{ .Annotations.summary }}
{{ .Annotations.description }}
${about}since {{ .StartsAt${time} }} UTC
What to do: ${runbook(env)}

{{ end }}{{ range .Alerts.Resolved }}CLEARED: {{ .Annotations.summary }}
${about}from {{ .StartsAt${time} }} to {{ .EndsAt${time} }} UTC

{{ end }}`

const emailOf = (env: Environment) => ({
  to: env.ALERT_EMAIL_TO,
  from: env.ALERT_EMAIL_FROM,
  smarthost: env.ALERT_SMTP_HOST,
  require_tls: env.ALERT_SMTP_TLS !== 'false',
  send_resolved: true,
  headers: { Subject: subject },
  text: message(env),
  html: '',
  ...(env.ALERT_SMTP_USER
    ? { auth_username: env.ALERT_SMTP_USER, auth_password: env.ALERT_SMTP_PASSWORD }
    : {}),
})

const telegramOf = (env: Environment) => ({
  bot_token: env.ALERT_TELEGRAM_TOKEN,
  chat_id: Number(env.ALERT_TELEGRAM_CHAT),
  send_resolved: true,
  message: message(env),
  parse_mode: '',
  ...(env.ALERT_TELEGRAM_API ? { api_url: env.ALERT_TELEGRAM_API.replace(/\/+$/, '') } : {}),
})

/** Alertmanager's configuration. Without a receiver, alerts show only on its page and in Grafana. */
export const alertmanagerConfig = (env: Environment) => ({
  route: {
    receiver: 'operator',
    group_by: ['alertname', 'rule'],
    group_wait: '10s',
    group_interval: '1m',
    repeat_interval: '4h',
  },
  // If a subject is down, its alert about slowness adds nothing.
  inhibit_rules: [
    {
      source_matchers: ['severity="critical"'],
      target_matchers: ['severity="warning"'],
      equal: ['rule', 'instance', 'dc', 'family', 'media'],
    },
    {
      source_matchers: ['rule="datacenter-down"'],
      target_matchers: ['rule="datacenter-slow"'],
      equal: ['instance', 'dc', 'family', 'media'],
    },
  ],
  receivers: [
    {
      name: 'operator',
      ...(env.ALERT_RECEIVER_URL
        ? { webhook_configs: [{ url: env.ALERT_RECEIVER_URL, send_resolved: true }] }
        : {}),
      ...(env.ALERT_EMAIL_TO ? { email_configs: [emailOf(env)] } : {}),
      ...(env.ALERT_TELEGRAM_TOKEN ? { telegram_configs: [telegramOf(env)] } : {}),
    },
  ],
})
