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

/** The additional certificate authority of this machine, for npm during the build of an image. */
const trusted = (): Pick<Layout, 'files' | 'env'> => {
  const file = process.env.NODE_EXTRA_CA_CERTS
  const inside = '/etc/ssl/certs/extra.crt'
  return file !== undefined && existsSync(file)
    ? { files: { [file]: inside }, env: { NODE_EXTRA_CA_CERTS: inside } }
    : { files: {} }
}

/** The parts of the official Node image that the Dockerfile needs: node, npm, a shell. */
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

// The ports of Tempo in this stack: OTLP at 4317, traces by id at 3200.
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
 * Images of programs of this machine, as the `*_IMAGE` of the compose files. Jaeger takes the place of Tempo; Grafana has no
 * substitute.
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
      // Debian's Alertmanager reads its templates there; other builds have them inside.
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
    // JSON is YAML. The shell ignores the arguments that compose passes to Tempo.
    texts: { '/jaeger.yaml': JSON.stringify(jaegerConfig) },
    entry: ['/bin/sh', '-c', 'exec /bin/jaeger --config=/jaeger.yaml'],
  }),
})
