import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { composeSettings as settings } from '../../proxy/compose-settings.ts'
import { siteName } from '../e2e/site.ts'
import { until } from '../e2e/until.ts'
import { runCommand } from '../services/command.ts'
import { find } from '../services/debian.ts'
import { startDocker } from '../services/docker.ts'
import { ensureCompose } from '../services/docker-compose.ts'
import { freePorts } from '../services/service.ts'
import { localImages } from './images.ts'
import { there } from './needed.ts'
import { datacenterPorts, sitePort } from './places.ts'

const root = join(import.meta.dirname, '..', '..')

export type Stack = {
  /** The ports on 127.0.0.1 where things are published. */
  readonly ports: Readonly<Record<'clients' | 'prometheus' | 'grafana' | 'tempo', number>>
  /** That of proxy and collector. */
  readonly image: string
  /** Whether this service is the one that compose.yaml names. */
  readonly has: (service: string) => boolean
  /** Runs compose with the files of this stack. Throws with what it says when it fails. */
  compose(...args: string[]): Promise<string>
  /** `compose/backup.sh`. */
  backup(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** Brings up what is not up, and waits until all of it is well. `env` stands until the next. */
  up(env?: Readonly<Record<string, string>>, ...services: string[]): Promise<void>
}

/** Of these there is no image here; a store of traces that is not Tempo takes its place. */
const standIns: ReadonlySet<string> = new Set(['grafana', 'tempo'])

type Seen = {
  readonly Service: string
  readonly State: string
  readonly Health: string
  readonly ExitCode: number
}

/** How many files this machine lets a container have open. */
const mayOpen = (): number => {
  const [, most = '0'] =
    /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return Math.min(Number(settings.NOFILE?.fallback), Number(most) || Number.POSITIVE_INFINITY)
}

/** In place of the internet, and what a test must reach that is published nowhere. */
const override = (tempo: number) => ({
  services: {
    telegram: {
      image: `\${MTSCOPE_IMAGE:-mtscope:0.1.0}`,
      command: ['node', '/repository/compose/stack/telegram.ts'],
      volumes: [`${root}:/repository:ro`],
      init: true,
    },
    proxy: {
      depends_on: { telegram: { condition: 'service_started' } },
      environment: {
        TELEGRAM_DATACENTERS: Object.entries(datacenterPorts)
          .map(([dc, port]) => `${dc}=telegram:${port}`)
          .join(','),
        TLS_DOMAIN: siteName,
        MASK_HOST: 'telegram',
        MASK_PORT: `${sitePort}`,
        PUBLIC_HOST_FROM: 'none',
        PROBE_INTERVAL: '2',
        DRAIN_SECONDS: '3',
      },
    },
    tempo: { ports: [`127.0.0.1:${tempo}:3200`] },
  },
})

/**
 * The stack of compose.yaml in containers of its own, gone when it is disposed; made of `*_IMAGE` where the environment
 * names any, or of the official ones with STACK_IMAGES=official, else of what this machine's package managers give.
 */
export const startStack = async (): Promise<Stack & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const engine = stack.use(await startDocker())
  const given = Object.entries(process.env).filter(([name]) => name.endsWith('_IMAGE'))
  const official = process.env.STACK_IMAGES === 'official' || given.length > 0
  const images = official ? Object.fromEntries(given) : await localImages(engine)
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-stack-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [clients, proxy, collector, prometheus, alertmanager, grafana, tempo] = await freePorts(7)
  const ports = { clients, proxy, collector, prometheus, alertmanager, grafana, tempo } as Record<
    string,
    number
  >
  const file = join(folder, 'override.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(override(ports.tempo!)))
  const [command, ...before] = there('docker compose', ensureCompose())
  const PATH = [dirname(command), dirname(find('docker') ?? ''), process.env.PATH].join(delimiter)
  let env: Record<string, string | undefined> = {
    HOME: process.env.HOME,
    PATH,
    DOCKER_HOST: engine.host,
    DOCKER_BUILDKIT: '0',
    COMPOSE_FILE: [join(root, 'compose.yaml'), file].join(delimiter),
    COMPOSE_PROJECT_NAME: 'mtscope-try',
    COMPOSE_ENV_FILES: '/dev/null',
    COMPOSE_PROGRESS: 'plain',
    ...images,
    NOFILE: `${mayOpen()}`,
    MTPROTO_PORT: `${ports.clients}`,
    METRICS_PORT: `${ports.proxy}`,
    COLLECTOR_PORT: `${ports.collector}`,
    PROMETHEUS_PORT: `${ports.prometheus}`,
    ALERTMANAGER_PORT: `${ports.alertmanager}`,
    GRAFANA_PORT: `${ports.grafana}`,
  }
  const compose = (...args: string[]): Promise<string> => runCommand(command, [...before, ...args], env, root)
  const has = (service: string): boolean => official || !standIns.has(service)
  const all = (await compose('config', '--services'))
    .trim()
    .split('\n')
    .filter((service) => has(service) || service === 'tempo')
  stack.defer(async () => void (await compose('down', '--volumes', '--timeout', '5')))

  const isWell = ({ Service, State, Health, ExitCode }: Seen): boolean => {
    if (Service === 'prepare') return State === 'exited' && ExitCode === 0
    return State === 'running' && (Health === '' || Health === 'healthy')
  }
  const seen = async (): Promise<Seen[]> =>
    (await compose('ps', '--all', '--format', 'json'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Seen)
  const kept = stack.move()
  return {
    ports: ports as Stack['ports'],
    image: images.MTSCOPE_IMAGE ?? 'mtscope:0.1.0',
    has,
    compose,
    backup: (...args) => runCommand(join(root, 'compose/backup.sh'), args, env, root),
    docker: (...args) => engine.run(...args),
    up: async (more = {}, ...services) => {
      env = { ...env, ...more }
      const wanted = services.length > 0 ? services : all
      await compose('up', '--detach', ...wanted)
      await until(
        async () => {
          const well = new Set((await seen()).filter(isWell).map(({ Service }) => Service))
          return wanted.every((service) => well.has(service))
        },
        'every service is well',
        120_000,
      ).catch(async (error: unknown) => {
        const [there, said] = [await compose('ps', '--all'), await compose('logs', '--tail', '20')]
        throw new Error(`${error}\n${there}\n${said}`)
      })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
