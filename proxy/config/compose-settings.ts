/**
 * What only the compose files read, in the order of `.env.example`: name → what holds without it, and what it is. Here,
 * so that one `.env` serves `npm start` and compose, and a slip in any name is still told.
 */
export const composeSettings: Readonly<Record<string, { readonly fallback: string; readonly doc: string }>> =
  {
    GRAFANA_PASSWORD: {
      fallback: '',
      doc: 'Password of admin in Grafana at its first start; without, one is made',
    },
    GRAFANA_PORT: { fallback: '3000', doc: 'Port of Grafana on 127.0.0.1' },
    PROMETHEUS_PORT: { fallback: '9090', doc: 'Port of Prometheus on 127.0.0.1' },
    ALERTMANAGER_PORT: { fallback: '9093', doc: 'Port of Alertmanager on 127.0.0.1' },
    PROMETHEUS_RETENTION: { fallback: '35d', doc: 'How long Prometheus keeps metrics' },
    PROMETHEUS_SIZE: { fallback: '4GB', doc: 'Most disk that they take' },
    ALERT_RECEIVER_URL: { fallback: '', doc: 'Where Alertmanager posts alerts to as JSON' },
    ALERT_EMAIL_TO: { fallback: '', doc: 'Whom Alertmanager writes to; needs the two next, too' },
    ALERT_EMAIL_FROM: { fallback: '', doc: 'Sender of those e-mails' },
    ALERT_SMTP_HOST: { fallback: '', doc: 'Mail server, as smtp.example.org:587' },
    ALERT_SMTP_TLS: { fallback: 'true', doc: 'Whether mail goes by TLS only; false sends it in the clear' },
    ALERT_SMTP_USER: { fallback: '', doc: 'Name at the mail server' },
    ALERT_SMTP_PASSWORD: { fallback: '', doc: 'Password at the mail server' },
    ALERT_TELEGRAM_TOKEN: {
      fallback: '',
      doc: 'Token of a Telegram bot that tells alerts; needs the next, too',
    },
    ALERT_TELEGRAM_CHAT: { fallback: '', doc: 'Number of the chat that the bot writes to' },
    ALERT_TELEGRAM_API: {
      fallback: '',
      doc: 'Where the bot interface is, when api.telegram.org is not reachable',
    },
    ALERT_RUNBOOK_URL: {
      fallback: '',
      doc: 'Address of /runbook of a collector that a phone can open, its name in METRICS_ALLOWED_HOSTS; without, 127.0.0.1',
    },
    STOP_GRACE: { fallback: '40s', doc: 'How long a proxy may take to stop: longer than DRAIN_SECONDS' },
    NOFILE: {
      fallback: '65536',
      doc: 'Open files that each container may have: two for each client; less where the host allows less',
    },
    HOST_BRIDGE: {
      fallback: '10.94.31',
      doc: 'Network of the stack in compose.host.yaml, its first three numbers; another where this is taken',
    },
    PROXY_CPUSET: { fallback: '', doc: 'Cores of the proxy in compose.host.yaml, as 0-1; without, all' },
    PROXY_MEMORY: { fallback: '640m', doc: 'Most memory of a proxy' },
    COLLECTOR_MEMORY: { fallback: '384m', doc: 'Most memory of a collector' },
    KAFKA_MEMORY: { fallback: '1g', doc: 'Most memory of Kafka' },
    KAFKA_HEAP_OPTS: { fallback: '-Xms128m -Xmx384m', doc: 'Heap of Kafka' },
    REDIS_MEMORY: { fallback: '512m', doc: 'Most memory of Redis: twice its maxmemory' },
    PROMETHEUS_MEMORY: { fallback: '512m', doc: 'Most memory of Prometheus' },
    TEMPO_MEMORY: { fallback: '512m', doc: 'Most memory of Tempo' },
    GRAFANA_MEMORY: { fallback: '512m', doc: 'Most memory of Grafana' },
    MTSCOPE_IMAGE: {
      fallback: 'mtscope:0.2.0',
      doc: 'Image of proxy and collector; built where it is missing',
    },
    NODE_IMAGE: { fallback: 'node:26.10.0-bookworm-slim', doc: 'What it is built from' },
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
