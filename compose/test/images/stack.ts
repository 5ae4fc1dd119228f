import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { composeSettings } from '../../../proxy/config/compose-settings.ts'
import { siteName } from '../kit/servers/site.ts'
import { runCommand } from '../services/command.ts'
import { find } from '../services/debian.ts'
import { type Docker, startDocker } from '../services/docker.ts'
import { ensureCompose } from '../services/docker-compose.ts'
import { freePorts } from '../services/ports.ts'
import { until } from '../until.ts'
import { localImages } from './images.ts'
import { there } from './needed.ts'
import { datacenterPorts, sitePort } from './places.ts'

const root = join(import.meta.dirname, '../../..')
/** The tag that compose gives to the image it builds. */
const builtImage = composeSettings.MTSCOPE_IMAGE?.fallback ?? ''

export type Stack = {
  /** Published ports on 127.0.0.1. */
  readonly ports: Readonly<Record<'clients' | 'prometheus' | 'alertmanager' | 'grafana' | 'tempo', number>>
  /** Image of proxy and collector. */
  readonly image: string
  /** Whether the service runs the image of compose.yaml and not a substitute. */
  readonly has: (service: string) => boolean
  /** Runs compose with the files of this stack. Throws with its output when it fails. */
  compose(...args: string[]): Promise<string>
  /** Runs `compose/docker/backup.sh`. */
  backup(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** Runs `up` and waits until the services are healthy. `env` stays set for later calls. Flags come before services. */
  up(env?: Readonly<Record<string, string>>, ...flagsAndServices: string[]): Promise<void>
}

/** Services without a local image: Jaeger takes the place of Tempo, Grafana is missing. */
const standIns: ReadonlySet<string> = new Set(['grafana', 'tempo'])

type Seen = {
  readonly Service: string
  readonly State: string
  readonly Health: string
  readonly ExitCode: number
}

/** The limit of open files that this machine allows a container. */
const mayOpen = (): number => {
  const [, most = '0'] =
    /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return Math.min(Number(composeSettings.NOFILE?.fallback), Number(most) || Number.POSITIVE_INFINITY)
}

/** The compose files of each shape, and its proxies. */
const shapes = {
  alone: { files: [], proxies: ['proxy'] },
  fleet: { files: ['compose/docker/compose.fleet.yaml'], proxies: ['proxy', 'proxy-2'] },
  host: { files: ['compose/docker/compose.host.yaml'], proxies: ['proxy'] },
} as const
export type Shape = keyof typeof shapes

/** Adds a container in place of the internet, and publishes the ports that a test needs. */
const override = (shape: Shape, tempo: number, built: boolean) => {
  // In the host's network a proxy cannot resolve the names of the stack.
  const far = shape === 'host' ? '127.0.0.1' : 'telegram'
  const farEnds = [...Object.values(datacenterPorts), sitePort]
  const proxy = {
    // npm fetches packages through the network of this machine.
    ...(built ? { build: { network: 'host' } } : {}),
    depends_on: { telegram: { condition: 'service_healthy' } },
    environment: {
      TELEGRAM_DATACENTERS: Object.entries(datacenterPorts)
        .map(([dc, port]) => `${dc}=${far}:${port}`)
        .join(','),
      TLS_DOMAIN: siteName,
      MASK_HOST: far,
      MASK_PORT: `${sitePort}`,
      PUBLIC_HOST_FROM: 'none',
      PROBE_INTERVAL: '2',
      DRAIN_SECONDS: '3',
    },
  }
  return {
    services: {
      telegram: {
        image: `\${MTSCOPE_IMAGE:-${builtImage}}`,
        command: ['node', '/repository/compose/test/images/telegram.ts'],
        volumes: [`${root}:/repository:ro`],
        init: true,
        // The last port that it opens: when it listens, all do.
        healthcheck: {
          test: ['CMD', 'grep', '-qs', `:${sitePort.toString(16).toUpperCase()} 0*:0000 0A`, '/proc/net/tcp'],
          interval: '1s',
          start_period: '15m',
        },
        ports: shape === 'host' ? farEnds.map((port) => `127.0.0.1:${port}:${port}`) : [],
      },
      ...Object.fromEntries(shapes[shape].proxies.map((name) => [name, proxy])),
      tempo: { ports: [`127.0.0.1:${tempo}:3200`] },
    },
  }
}

export type Engine = AsyncDisposable & {
  readonly docker: Docker
  /** `*_IMAGE` → name. Without MTSCOPE_IMAGE compose builds the image. */
  readonly images: Readonly<Record<string, string | undefined>>
  /** Whether they are the images of compose.yaml. */
  readonly official: boolean
}

/**
 * A Docker engine with images for the stack: those of `*_IMAGE` in the environment, or the official ones with
 * STACK_IMAGES=official, else images of programs of this machine.
 */
export const startEngine = async (): Promise<Engine> => {
  await using stack = new AsyncDisposableStack()
  const docker = stack.use(await startDocker())
  const given = Object.entries(process.env).filter(([name]) => name.endsWith('_IMAGE'))
  const official = process.env.STACK_IMAGES === 'official' || given.length > 0
  const images = official ? Object.fromEntries(given) : await localImages(docker)
  const kept = stack.move()
  return { docker, images, official, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** The environment of compose: images, ports and files of this stack. */
const environmentOf = (
  { docker, images }: Pick<Engine, 'docker' | 'images'>,
  shape: Shape,
  ports: Readonly<Record<string, number>>,
  file: string,
  command: string,
  settings: Readonly<Record<string, string>>,
): Record<string, string | undefined> => ({
  HOME: process.env.HOME,
  PATH: [dirname(command), dirname(find('docker') ?? ''), process.env.PATH].join(delimiter),
  DOCKER_HOST: docker.host,
  DOCKER_BUILDKIT: '0',
  COMPOSE_FILE: [...['compose.yaml', ...shapes[shape].files].map((name) => join(root, name)), file].join(
    delimiter,
  ),
  COMPOSE_PROJECT_NAME: 'mtscope-try',
  COMPOSE_ENV_FILES: '/dev/null',
  COMPOSE_PROGRESS: 'plain',
  ...settings,
  ...images,
  NOFILE: `${mayOpen()}`,
  MTPROTO_PORT: `${ports.clients}`,
  METRICS_PORT: `${ports.proxy}`,
  COLLECTOR_PORT: `${ports.collector}`,
  PROMETHEUS_PORT: `${ports.prometheus}`,
  ALERTMANAGER_PORT: `${ports.alertmanager}`,
  GRAFANA_PORT: `${ports.grafana}`,
})

/** Prepares the stack of compose.yaml, with ports and settings of its own. Disposing removes its containers and volumes. */
export const startStack = async (
  { docker, images, official }: Engine,
  shape: Shape = 'alone',
  settings: Readonly<Record<string, string>> = {},
): Promise<Stack & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-stack-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [clients, proxy, collector, prometheus, alertmanager, grafana, tempo] = await freePorts(7)
  const ports = { clients, proxy, collector, prometheus, alertmanager, grafana, tempo } as Record<
    string,
    number
  >
  const file = join(folder, 'override.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(override(shape, ports.tempo!, !images.MTSCOPE_IMAGE)))
  const [command, ...before] = there('docker compose', ensureCompose())
  let env = environmentOf({ docker, images }, shape, ports, file, command, settings)
  const compose = (...args: string[]): Promise<string> => runCommand(command, [...before, ...args], env, root)
  const has = (service: string): boolean => official || !standIns.has(service)
  stack.defer(async () => void (await compose('down', '--volumes', '--timeout', '5')))

  const { services } = JSON.parse(await compose('config', '--format', 'json')) as {
    services: Readonly<Record<string, { readonly healthcheck?: object }>>
  }
  const isWell = ({ Service, State, Health, ExitCode }: Seen): boolean => {
    if (Service === 'prepare' || Service === 'users-key') return State === 'exited' && ExitCode === 0
    return State === 'running' && (services[Service]?.healthcheck === undefined || Health === 'healthy')
  }
  const all = Object.keys(services).filter((service) => has(service) || service === 'tempo')
  const seen = async (): Promise<Seen[]> =>
    (await compose('ps', '--all', '--format', 'json'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Seen)
  const kept = stack.move()
  return {
    ports: ports as Stack['ports'],
    image: images.MTSCOPE_IMAGE ?? builtImage,
    has,
    compose,
    backup: (...args) => runCommand(join(root, 'compose/docker/backup.sh'), args, env, root),
    docker: (...args) => docker.run(...args),
    up: async (more = {}, ...args) => {
      env = { ...env, ...more }
      const flags = args.filter((arg) => arg.startsWith('--'))
      const services = args.filter((arg) => !flags.includes(arg))
      const wanted = services.length > 0 ? services : all
      await compose('up', '--detach', ...flags, ...wanted)
      await until(
        async () => {
          const well = new Set((await seen()).filter(isWell).map(({ Service }) => Service))
          return wanted.every((service) => well.has(service))
        },
        'every service is healthy',
        240_000,
      ).catch(async (error: unknown) => {
        const [there, printed] = [await compose('ps', '--all'), await compose('logs', '--tail', '20')]
        throw new Error(`${error}\n${there}\n${printed}`)
      })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
