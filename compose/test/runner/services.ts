import { existsSync, readdirSync } from 'node:fs'
import { actionlintPath, ensureActionlint } from '../services/actionlint.ts'
import { ensureAlertmanager } from '../services/alertmanager.ts'
import { ensureHaproxy, ensureNginxStream, nginxStream } from '../services/balancer.ts'
import { ensureCaddy } from '../services/caddy.ts'
import { ensureChromium, findChromium } from '../services/chromium.ts'
import { find } from '../services/debian.ts'
import { ensureDebianRoots, hasDebianRoots } from '../services/debian-root.ts'
import { ensureDocker } from '../services/docker.ts'
import { ensureCompose, findCompose } from '../services/docker-compose.ts'
import { archiveKafka, ensureKafka, kafkaJars } from '../services/kafka.ts'
import { ensureNginx } from '../services/nginx.ts'
import { ensurePrometheus } from '../services/prometheus.ts'
import { alertmanagerPath, prometheusPath } from '../services/prometheus-programs.ts'
import { ensureRedis } from '../services/redis.ts'
import { ensureDante, ensureMicrosocks } from '../services/socks-server.ts'
import { ensureJaeger, ensureOtelcol, jaegerPath, otelcolPath } from '../services/telemetry-programs.ts'

/** A program that tests start as a server, and its installation. */
export type TestServer = {
  readonly name: string
  /** The module that starts it: a test needs the server when its imports reach this file. */
  readonly module: string
  /** What is installed, for the announcement. */
  readonly installs: string
  /** Whether it is on this machine. `build`: programs that no package manager has are built from source. */
  readonly there: (build: boolean) => boolean
  readonly ensure: () => unknown
}

const go = 'built from source'

/** In the order of installation: seconds before minutes. */
export const testServers: readonly TestServer[] = [
  {
    name: 'redis',
    module: 'compose/test/services/redis.ts',
    installs: 'redis-server, redis-tools (Debian packages)',
    there: () => find('redis-server') !== null,
    ensure: ensureRedis,
  },
  {
    name: 'nginx',
    module: 'compose/test/services/nginx.ts',
    installs: 'nginx-light (Debian package)',
    there: () => find('nginx') !== null,
    ensure: ensureNginx,
  },
  {
    name: 'socks',
    module: 'compose/test/services/socks-server.ts',
    installs: 'microsocks, dante-server (Debian packages)',
    there: () => find('microsocks') !== null && find('danted') !== null,
    ensure: () => ensureMicrosocks() && ensureDante(),
  },
  {
    name: 'caddy',
    module: 'compose/test/services/caddy.ts',
    installs: 'caddy (Debian package)',
    there: () => find('caddy') !== null,
    ensure: ensureCaddy,
  },
  {
    name: 'load balancers',
    module: 'compose/test/services/balancer.ts',
    installs: 'haproxy, nginx-light, libnginx-mod-stream (Debian packages)',
    there: () => find('haproxy') !== null && find(nginxStream) !== null,
    ensure: () => [ensureHaproxy(), ensureNginxStream()],
  },
  {
    name: 'chromium',
    module: 'compose/test/services/chromium.ts',
    installs: 'chromium (Debian package)',
    there: () => findChromium() !== null,
    ensure: ensureChromium,
  },
  {
    name: 'kafka',
    module: 'compose/test/services/kafka.ts',
    installs: 'default-jre-headless, maven (Debian packages), the jars of Kafka (43 MB)',
    there: () => find('java') !== null && existsSync(kafkaJars) && readdirSync(kafkaJars).length > 0,
    ensure: async () => {
      ensureKafka()
      await archiveKafka()
    },
  },
  {
    name: 'docker',
    module: 'compose/test/services/docker.ts',
    installs: 'docker.io, iptables (Debian packages)',
    there: () => find('dockerd') !== null && find('iptables') !== null,
    ensure: ensureDocker,
  },
  {
    name: 'prometheus',
    module: 'compose/test/services/prometheus.ts',
    installs: `prometheus (Debian package; ${go} with CI=true or npm run test:all)`,
    there: (build) => existsSync(prometheusPath) || (!build && find('prometheus') !== null),
    ensure: ensurePrometheus,
  },
  {
    name: 'alertmanager',
    module: 'compose/test/services/alertmanager.ts',
    installs: `prometheus-alertmanager (Debian package; ${go} with CI=true or npm run test:all)`,
    there: (build) => existsSync(alertmanagerPath) || (!build && find('prometheus-alertmanager') !== null),
    ensure: ensureAlertmanager,
  },
  {
    name: 'actionlint',
    module: 'compose/test/services/actionlint.ts',
    installs: `actionlint (${go})`,
    there: (build) => !build || existsSync(actionlintPath),
    ensure: ensureActionlint,
  },
  {
    name: 'docker-compose',
    module: 'compose/test/services/docker-compose.ts',
    installs: `docker-compose (${go})`,
    there: (build) => !build || findCompose() !== null,
    ensure: ensureCompose,
  },
  {
    name: 'telemetry-programs',
    module: 'compose/test/services/telemetry-programs.ts',
    installs: `otelcol, jaeger (${go})`,
    there: (build) => !build || (existsSync(otelcolPath) && existsSync(jaegerPath)),
    ensure: () => [ensureOtelcol(), ensureJaeger()],
  },
  {
    name: 'debian-roots',
    module: 'compose/test/services/debian-root.ts',
    installs: 'minimal Debian 12 and 13 (debootstrap), npm of Node 20 to 26',
    there: (build) => !build || hasDebianRoots(),
    ensure: ensureDebianRoots,
  },
]
