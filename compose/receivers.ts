type Environment = Readonly<Record<string, string | undefined>>

/** One name of a pair is written and the other is not: alerts that would silently go nowhere. */
export const receiverMistakes = (env: Environment): string[] => {
  const pairs: readonly (readonly [string, string])[] = [
    ['ALERT_EMAIL_TO', 'ALERT_EMAIL_FROM'],
    ['ALERT_EMAIL_TO', 'ALERT_SMTP_HOST'],
    ['ALERT_SMTP_USER', 'ALERT_SMTP_PASSWORD'],
    ['ALERT_TELEGRAM_TOKEN', 'ALERT_TELEGRAM_CHAT'],
  ]
  const chat = env.ALERT_TELEGRAM_CHAT
  return [
    ...pairs.filter(([a, b]) => env[a] && !env[b]).map(([a, b]) => `${a} needs ${b}: write both into .env`),
    ...(chat && !/^-?\d+$/.test(chat)
      ? ['ALERT_TELEGRAM_CHAT must be a number, as -1001234567890: ask the bot @userinfobot']
      : []),
  ]
}

/** Alertmanager's configuration. Without any receiver alerts stay on its page, and in Grafana. */
export const alertmanagerConfig = (env: Environment) => ({
  route: {
    receiver: 'operator',
    group_by: ['alertname', 'rule'],
    group_wait: '10s',
    group_interval: '1m',
    repeat_interval: '4h',
  },
  // A thing that is down says all that a thing that is slow would.
  inhibit_rules: [
    {
      source_matchers: ['severity="critical"'],
      target_matchers: ['severity="warning"'],
      equal: ['rule', 'instance', 'dc', 'family', 'media'],
    },
  ],
  receivers: [
    {
      name: 'operator',
      ...(env.ALERT_RECEIVER_URL ? { webhook_configs: [{ url: env.ALERT_RECEIVER_URL }] } : {}),
      ...(env.ALERT_EMAIL_TO
        ? {
            email_configs: [
              {
                to: env.ALERT_EMAIL_TO,
                from: env.ALERT_EMAIL_FROM,
                smarthost: env.ALERT_SMTP_HOST,
                send_resolved: true,
                ...(env.ALERT_SMTP_USER
                  ? { auth_username: env.ALERT_SMTP_USER, auth_password: env.ALERT_SMTP_PASSWORD }
                  : {}),
              },
            ],
          }
        : {}),
      ...(env.ALERT_TELEGRAM_TOKEN
        ? {
            telegram_configs: [
              {
                bot_token: env.ALERT_TELEGRAM_TOKEN,
                chat_id: Number(env.ALERT_TELEGRAM_CHAT),
                ...(env.ALERT_TELEGRAM_API ? { api_url: env.ALERT_TELEGRAM_API } : {}),
              },
            ],
          }
        : {}),
    },
  ],
})
