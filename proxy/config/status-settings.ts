import { host, hosts, port } from './parse.ts'

/** The status page and /metrics. */
export const statusSettings = {
  METRICS_HOST: {
    parse: host,
    fallback: '127.0.0.1',
    doc: 'Address on which the status page and /metrics are served',
    shown: 'everywhere',
  },
  METRICS_PORT: {
    parse: port,
    fallback: '9464',
    doc: 'Port of the status page and /metrics; 0 takes any free port',
    shown: 'everywhere',
  },
  METRICS_ALLOWED_HOSTS: {
    parse: hosts,
    fallback: 'none',
    doc: 'Additional host names that METRICS_PORT and COLLECTOR_PORT accept, comma-separated; * accepts all; none adds none',
    shown: 'here',
    mayBeEmpty: true,
  },
} as const
