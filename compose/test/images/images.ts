import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureAlertmanager } from '../services/alertmanager.ts'
import { find } from '../services/debian.ts'
import type { Docker } from '../services/docker.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensurePrometheus } from '../services/prometheus.ts'
import { ensureJaeger, ensureOtelcol } from '../services/telemetry-programs.ts'
import { importImage, type Layout } from './import-image.ts'
import { needed, there } from './needed.ts'

const templates = '/usr/share/prometheus/alertmanager'

/** A certificate authority that this machine trusts besides the usual, for what npm fetches while an image is built. */
const trusted = (): Pick<Layout, 'files' | 'env'> => {
  const file = process.env.NODE_EXTRA_CA_CERTS
  const inside = '/etc/ssl/certs/extra.crt'
  return file !== undefined && existsSync(file)
    ? { files: { [file]: inside }, env: { NODE_EXTRA_CA_CERTS: inside } }
    : { files: {} }
}

/** Like the official image of Node, as far as the Dockerfile needs it: node, npm, a shell. */
const nodeImage = (docker: Docker): Promise<string> => {
  const npm = dirname(dirname(realpathSync(there('npm', find('npm')))))
  const { files, env = {} } = trusted()
  return importImage(docker, 'node', {
    files: { [process.execPath]: '/bin/node', [npm]: '/npm', ...files },
    links: { '/usr/bin/env': '/bin/env', '/bin/npm': '/npm/bin/npm-cli.js' },
    env,
  })
}

const kafkaImage = (docker: Docker): Promise<string> => {
  const { java, jars } = there('Kafka', ensureKafka())
  const jre = dirname(dirname(realpathSync(java)))
  const libraries = readdirSync(join(jre, 'lib')).filter((name) => name.endsWith('.so'))
  return importImage(docker, 'kafka', {
    files: { [jre]: '/jre', [jars]: '/jars', [join(import.meta.dirname, 'kafka.sh')]: '/bin/start' },
    linked: [join(jre, 'bin/java'), ...libraries.map((name) => join(jre, 'lib', name))],
    folders: { '/var/lib/kafka/data': 0 },
    entry: ['/bin/sh', '/bin/start'],
  })
}

// What Tempo is asked by this stack: OTLP at 4317, and traces by their ids at 3200.
const jaegerConfig = {
  extensions: {
    jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
    jaeger_query: {
      storage: { traces: 'memory' },
      http: { endpoint: '0.0.0.0:3200' },
      grpc: { endpoint: '127.0.0.1:16685' },
    },
  },
  receivers: { otlp: { protocols: { grpc: { endpoint: '0.0.0.0:4317' } } } },
  exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  service: {
    extensions: ['jaeger_storage', 'jaeger_query'],
    pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
  },
}

/**
 * Images made of what this machine's package managers give, as the `*_IMAGE` of the compose files. Jaeger stands where
 * Tempo would; nothing stands for Grafana.
 */
export const localImages = async (docker: Docker): Promise<Record<string, string>> => ({
  NODE_IMAGE: await nodeImage(docker),
  KAFKA_IMAGE: await kafkaImage(docker),
  REDIS_IMAGE: await importImage(docker, 'redis', {
    files: {
      [needed('redis-server', 'redis-server')]: '/bin/redis-server',
      [needed('redis-cli', 'redis-tools')]: '/bin/redis-cli',
    },
    folders: { '/data': 999 },
  }),
  PROMETHEUS_IMAGE: await importImage(docker, 'prometheus', {
    files: { [there('prometheus', ensurePrometheus())]: '/bin/prometheus' },
    folders: { '/prometheus': 0 },
    entry: ['/bin/prometheus'],
  }),
  ALERTMANAGER_IMAGE: await importImage(docker, 'alertmanager', {
    files: {
      [there('alertmanager', ensureAlertmanager())]: '/bin/alertmanager',
      // Debian's reads its templates there; of the others none are asked for.
      ...(existsSync(templates) ? { [templates]: templates } : {}),
    },
    folders: { '/alertmanager': 0 },
    entry: ['/bin/alertmanager'],
  }),
  OTELCOL_IMAGE: await importImage(docker, 'otelcol', {
    files: { [there('otelcol', ensureOtelcol())]: '/bin/otelcol' },
    entry: ['/bin/otelcol'],
  }),
  TEMPO_IMAGE: await importImage(docker, 'jaeger', {
    files: { [there('jaeger', ensureJaeger())]: '/bin/jaeger' },
    // JSON is YAML. What compose asks of Tempo on its command line comes behind, and is nobody's.
    texts: { '/jaeger.yaml': JSON.stringify(jaegerConfig) },
    entry: ['/bin/sh', '-c', 'exec /bin/jaeger --config=/jaeger.yaml'],
  }),
})
