export type ComposeSetting = {
  readonly fallback: string
  readonly doc: string
  readonly secret?: true
}

/**
 * Settings that only the compose files read, in the order of `.env.example`. They stand here so that `npm start` accepts
 * the `.env` of compose and still refuses a misspelled name.
 */
export const composeSettings: Readonly<Record<string, ComposeSetting>> = {
  GRAFANA_PASSWORD: {
    fallback: '',
    doc: 'Password of admin in Grafana at its first start; empty generates one',
    secret: true,
  },
  GRAFANA_PORT: { fallback: '3000', doc: 'Port of Grafana on 127.0.0.1' },
  PROMETHEUS_PORT: { fallback: '9090', doc: 'Port of Prometheus on 127.0.0.1' },
  ALERTMANAGER_PORT: { fallback: '9093', doc: 'Port of Alertmanager on 127.0.0.1' },
  PROMETHEUS_RETENTION: { fallback: '35d', doc: 'How long Prometheus keeps metrics' },
  PROMETHEUS_SIZE: { fallback: '4GB', doc: 'Maximum size of the metrics of Prometheus on disk' },
  ALERT_RECEIVER_URL: {
    fallback: '',
    doc: 'URL to which Alertmanager posts alerts as JSON; empty posts none',
    secret: true,
  },
  ALERT_EMAIL_TO: {
    fallback: '',
    doc: 'Address to which Alertmanager sends e-mails; needs ALERT_EMAIL_FROM and ALERT_SMTP_HOST; empty sends none',
  },
  ALERT_EMAIL_FROM: { fallback: '', doc: 'Sender of the e-mails' },
  ALERT_SMTP_HOST: { fallback: '', doc: 'Mail server, as smtp.example.org:587' },
  ALERT_SMTP_TLS: { fallback: 'true', doc: 'true sends mail by TLS only; false allows plain text' },
  ALERT_SMTP_USER: { fallback: '', doc: 'User name at the mail server; empty does not log in' },
  ALERT_SMTP_PASSWORD: { fallback: '', doc: 'Password at the mail server', secret: true },
  ALERT_TELEGRAM_TOKEN: {
    fallback: '',
    doc: 'Token of a Telegram bot that sends alerts; needs ALERT_TELEGRAM_CHAT; empty sends none',
    secret: true,
  },
  ALERT_TELEGRAM_CHAT: { fallback: '', doc: 'Number of the chat to which the bot writes' },
  ALERT_TELEGRAM_API: {
    fallback: '',
    doc: 'URL of the bot API, if api.telegram.org is not reachable; empty is api.telegram.org',
  },
  ALERT_RUNBOOK_URL: {
    fallback: '',
    doc: 'URL of /runbook of a collector that a phone can open, its name in METRICS_ALLOWED_HOSTS; empty is 127.0.0.1',
  },
  STOP_GRACE: { fallback: '40s', doc: 'Maximum time for a proxy to stop: longer than DRAIN_SECONDS' },
  NOFILE: {
    fallback: '65536',
    doc: 'Limit of open files of each container: two per client; write less where the host allows less',
  },
  HOST_BRIDGE: {
    fallback: '10.94.31',
    doc: 'First three numbers of the network of compose.host.yaml; choose another if this one is taken',
  },
  PROXY_CPUSET: { fallback: '', doc: 'CPU cores of the proxy in compose.host.yaml, as 0-1; empty is all' },
  PROXY_MEMORY: { fallback: '640m', doc: 'Memory limit of a proxy' },
  COLLECTOR_MEMORY: { fallback: '384m', doc: 'Memory limit of a collector' },
  KAFKA_MEMORY: { fallback: '1g', doc: 'Memory limit of Kafka' },
  KAFKA_HEAP_OPTS: { fallback: '-Xms128m -Xmx384m', doc: 'Heap options of Kafka' },
  REDIS_MEMORY: { fallback: '512m', doc: 'Memory limit of Redis: twice its maxmemory' },
  PROMETHEUS_MEMORY: { fallback: '512m', doc: 'Memory limit of Prometheus' },
  TEMPO_MEMORY: { fallback: '512m', doc: 'Memory limit of Tempo' },
  GRAFANA_MEMORY: { fallback: '512m', doc: 'Memory limit of Grafana' },
  MTSCOPE_IMAGE: {
    fallback: 'mtscope:0.2.0',
    doc: 'Image of proxy and collector; compose builds a missing one',
  },
  NODE_IMAGE: { fallback: 'node:26.10.0-bookworm-slim', doc: 'Base image of MTSCOPE_IMAGE' },
  KAFKA_IMAGE: { fallback: 'apache/kafka:4.4.0', doc: 'Image of Kafka' },
  REDIS_IMAGE: { fallback: 'redis:8.2.2-alpine', doc: 'Image of Redis' },
  PROMETHEUS_IMAGE: { fallback: 'prom/prometheus:v3.16.0', doc: 'Image of Prometheus' },
  ALERTMANAGER_IMAGE: { fallback: 'prom/alertmanager:v0.34.2', doc: 'Image of Alertmanager' },
  OTELCOL_IMAGE: {
    fallback: 'otel/opentelemetry-collector-contrib:0.165.0',
    doc: 'Image of the OpenTelemetry Collector',
  },
  TEMPO_IMAGE: { fallback: 'grafana/tempo:2.9.0', doc: 'Image of Tempo' },
  GRAFANA_IMAGE: { fallback: 'grafana/grafana:12.2.0', doc: 'Image of Grafana' },
}
