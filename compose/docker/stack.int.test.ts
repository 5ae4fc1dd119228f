import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { composeSettings } from '../../proxy/config/compose-settings.ts'
import { readConfig } from '../../proxy/config/config.ts'
import { isSetting, settings } from '../../proxy/config/settings.ts'
import { skipUnless } from '../test/kit/skip.ts'
import { ensureCompose } from '../test/services/docker-compose.ts'
import { alertmanagerConfig, receiverMistakes } from './receivers.ts'

const root = join(import.meta.dirname, '../..')
const compose = ensureCompose()
const it = skipUnless(test, compose !== null, 'docker compose is missing')

/** Services that run once, before others start. */
const once: readonly string[] = ['prepare', 'users-key']

type Port = { readonly target: number; readonly published?: string; readonly host_ip?: string }
type Service = {
  readonly image: string
  readonly ports?: readonly Port[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly read_only?: boolean
  readonly init?: boolean
  readonly restart?: string
  readonly mem_limit?: string
  readonly network_mode?: string
  readonly sysctls?: Readonly<Record<string, string>>
  readonly stop_grace_period?: string
  readonly healthcheck?: {
    readonly test?: readonly string[]
    readonly timeout?: string
    readonly start_period?: string
  }
  readonly ulimits?: { readonly nofile?: { readonly soft: number } }
  readonly logging?: { readonly options?: Readonly<Record<string, string>> }
  readonly labels?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly restart?: boolean }>>
  readonly volumes?: readonly { readonly source?: string; readonly target: string; readonly type: string }[]
}

const run = (files: readonly string[], env: Readonly<Record<string, string>>, cwd = root) => {
  const [command, ...before] = compose ?? ['']
  const without = cwd === root ? ['--env-file', '/dev/null'] : []
  return spawnSync(
    command,
    [...before, ...without, ...files.flatMap((file) => ['-f', file]), 'config', '--format', 'json'],
    { cwd, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } },
  )
}

/** The services that Compose reads from these files. Throws its error output if it refuses them. */
const servicesOf = (
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = root,
): Readonly<Record<string, Service>> => {
  const { status, stdout, stderr } = run(files, env, cwd)
  if (status !== 0) throw new Error(stderr)
  const read = JSON.parse(stdout) as { services: Record<string, Service> }
  return read.services
}

const secret = { USER1_SECRET: 'b7c1905e3f62d84a19e07bc5d2f8436a' }
const combinations = [
  { name: 'the stack', files: ['compose.yaml'], env: {} },
  { name: 'relay', files: ['compose.yaml', 'compose/docker/compose.relay.yaml'], env: {} },
  { name: 'host', files: ['compose.yaml', 'compose/docker/compose.host.yaml'], env: {} },
  { name: 'fleet', files: ['compose.yaml', 'compose/docker/compose.fleet.yaml'], env: secret },
] as const

for (const { name, files, env } of combinations) {
  it(`${name}: only the port of the clients is published beyond this machine`, () => {
    const far = Object.entries(servicesOf(files, env)).flatMap(([service, { ports = [] }]) =>
      ports.filter(({ host_ip }) => host_ip !== '127.0.0.1').map(({ target }) => `${service}:${target}`),
    )
    assert.equal(far, { host: [], fleet: ['address:8080'] }[name as string] ?? ['proxy:8080'])
  })

  it(`${name}: every service has limits, no privileges, restarts, and rotates its log`, () => {
    for (const [service, is] of Object.entries(servicesOf(files, env))) {
      assert.ok(Number(is.mem_limit) > 0, `${service}: mem_limit`)
      assert.equal(is.cap_drop, ['ALL'], service)
      assert.equal(is.security_opt, ['no-new-privileges:true'], service)
      assert.ok(is.init, `${service}: init`)
      assert.is(is.restart, once.includes(service) ? 'no' : 'unless-stopped', service)
      assert.is(is.ulimits?.nofile?.soft, 65_536, service)
      assert.is(is.logging?.options?.['max-size'], '10m', service)
      if (service !== 'kafka') assert.ok(is.read_only, `${service}: read_only`)
      assert.match(is.image, /:v?\d+\.\d+\.\d+/, `${service}: an exact tag`)
    }
  })

  it(`${name}: a slow start of one service keeps no other one down`, () => {
    for (const [service, { depends_on = {}, healthcheck }] of Object.entries(servicesOf(files, env))) {
      for (const [other, { condition }] of Object.entries(depends_on))
        assert.is(
          condition,
          once.includes(other) ? 'service_completed_successfully' : 'service_started',
          `${service} waits for ${other}`,
        )
      if (healthcheck?.test === undefined) continue
      assert.is(healthcheck.start_period, '15m0s', service)
      assert.is(healthcheck.timeout, '30s', service)
    }
  })

  it(`${name}: proxy and collector accept these settings`, () => {
    for (const [service, { environment = {}, image }] of Object.entries(servicesOf(files, env))) {
      if (!image.startsWith('mtscope') || once.includes(service)) continue
      const reading = readConfig(environment)
      assert.equal(reading.ok ? [] : reading.mistakes, [], service)
    }
  })
}

it('every combination reads the .env at the root, and each secret reaches only its service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-compose-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
  for (const name of ['compose.yaml', 'compose'])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  const secrets = ['ALERT_RECEIVER_URL', 'ALERT_SMTP_PASSWORD', 'ALERT_TELEGRAM_TOKEN', 'GRAFANA_PASSWORD']
  const lines = ['MTPROTO_PORT=443', 'PROXY_MEMORY=900m', `USER1_SECRET=${secret.USER1_SECRET}`]
  writeFileSync(join(folder, '.env'), [...lines, ...secrets.map((name) => `${name}=hidden`)].join('\n'))
  for (const { name, files } of combinations) {
    const services = servicesOf(files, {}, folder)
    const { proxy } = services
    const { environment = {} } = proxy ?? {}
    assert.is(environment.USER1_SECRET, secret.USER1_SECRET, name)
    assert.is(name === 'host' ? environment.MTPROTO_PORT : environment.PUBLIC_PORT, '443', name)
    assert.is(Number(proxy?.mem_limit), 900 * 2 ** 20, name)
    for (const [service, { environment: seen = {} }] of Object.entries(services)) {
      if (service === 'prepare') continue
      assert.equal(
        secrets.filter((one) => seen[one] === 'hidden'),
        [],
        `${name}: ${service}`,
      )
    }
  }
})

it('a relay ships to the Kafka of .env, or to none', () => {
  const files = ['compose.yaml', 'compose/docker/compose.relay.yaml']
  const alone = servicesOf(files)
  assert.equal(Object.keys(alone), ['proxy'])
  assert.is(alone.proxy?.environment?.KAFKA_BROKERS, 'none')
  const { proxy } = servicesOf(files, { KAFKA_BROKERS: 'k:9092', REDIS_URL: 'redis://r:6379' })
  assert.is(proxy?.environment?.KAFKA_BROKERS, 'k:9092')
  assert.is(proxy?.environment?.REDIS_URL, 'redis://r:6379')
})

it('a service with mounted files is recreated when they change', () => {
  for (const [service, { labels = {}, volumes = [], depends_on = {} }] of Object.entries(
    servicesOf(['compose.yaml']),
  )) {
    if (volumes.some(({ type }) => type === 'bind'))
      assert.match(labels[`mtscope.digest.${service}`] ?? '', /^[\da-f]{12}$/, service)
    if ('prepare' in depends_on) assert.ok(depends_on.prepare?.restart, service)
  }
})

it('the grace period of a stop is longer than the drain', () => {
  const { proxy } = servicesOf(['compose.yaml'])
  assert.ok(Number.parseInt(proxy?.stop_grace_period ?? '0', 10) > Number(settings.DRAIN_SECONDS.fallback))
})

it('two proxies of a fleet share one network and one secret, and keep a log each', () => {
  const { proxy, 'proxy-2': second } = servicesOf(
    ['compose.yaml', 'compose/docker/compose.fleet.yaml'],
    secret,
  )
  assert.is(proxy?.network_mode, 'service:address')
  assert.is(second?.network_mode, 'service:address')
  assert.is(second?.environment?.USER1_SECRET, proxy?.environment?.USER1_SECRET)
  const data = (service?: Service) => service?.volumes?.map(({ source, target }) => `${source} ${target}`)
  assert.equal(data(proxy), ['proxy /data', 'keys /keys'])
  assert.equal(data(second), ['proxy-2 /data', 'keys /keys'])
  assert.is.not(second?.environment?.METRICS_PORT, proxy?.environment?.METRICS_PORT)
})

it('all proxies and collectors have one USERS_KEY, made by the stack or set in .env; a relay has its own', () => {
  const files = ['compose.yaml', 'compose/docker/compose.fleet.yaml']
  const keysOf = (services: ReturnType<typeof servicesOf>) =>
    ['proxy', 'proxy-2', 'collector', 'collector-2'].map((name) => services[name]?.environment?.USERS_KEY)
  const made = servicesOf(files, secret)
  assert.equal(keysOf(made), Array(4).fill('/keys/users.key'))
  for (const name of ['proxy', 'proxy-2', 'collector', 'collector-2'])
    assert.ok(
      made[name]?.volumes?.some(({ source, target }) => source === 'keys' && target === '/keys'),
      name,
    )
  assert.equal(
    keysOf(servicesOf(files, { ...secret, USERS_KEY: 'a'.repeat(64) })),
    Array(4).fill('a'.repeat(64)),
  )
  const { proxy } = servicesOf(['compose.yaml', 'compose/docker/compose.relay.yaml'])
  assert.is(proxy?.environment?.USERS_KEY, 'auto')
  assert.equal(
    proxy?.volumes?.map(({ target }) => target),
    ['/data'],
  )
})

it('a fleet without a secret fails and names USER1_SECRET', () => {
  const { status, stderr } = run(['compose.yaml', 'compose/docker/compose.fleet.yaml'], {})
  assert.is.not(status, 0)
  assert.match(stderr, /USER1_SECRET.*\.env/)
})

it('in the network of the host, the status page listens on the bridge only', () => {
  const { proxy } = servicesOf(['compose.yaml', 'compose/docker/compose.host.yaml'])
  assert.is(proxy?.network_mode, 'host')
  assert.is(proxy?.environment?.METRICS_HOST, '10.94.31.1')
  assert.equal(Object.keys(proxy?.sysctls ?? {}), [])
})

it('each program answers to the name of its service, and .env adds names', () => {
  const files = ['compose.yaml', 'compose/docker/compose.fleet.yaml']
  const services = servicesOf(files, { ...secret, METRICS_ALLOWED_HOSTS: 'metrics.example' })
  for (const [service, asked] of [
    ['proxy', 'proxy'],
    ['proxy-2', 'proxy'],
    ['collector', 'collector'],
    ['collector-2', 'collector-2'],
  ] as const) {
    const text = String(services[service]?.environment?.METRICS_ALLOWED_HOSTS)
    const reading = readConfig({ METRICS_ALLOWED_HOSTS: text })
    const allowed = reading.ok ? reading.config.metricsAllowedHosts : []
    assert.ok(allowed.includes(asked) && allowed.includes('metrics.example'), `${service}: ${text}`)
  }
})

it('.env can replace an image', () => {
  const { kafka, collector } = servicesOf(['compose.yaml'], {
    KAFKA_IMAGE: 'k:1.0.0',
    MTSCOPE_IMAGE: 'm:1.0.0',
  })
  assert.is(kafka?.image, 'k:1.0.0')
  assert.is(collector?.image, 'm:1.0.0')
})

const files = readdirSync(import.meta.dirname).filter((name) => /^compose\..*\.yaml$/.test(name))
const texts = [...files.map((name) => join(import.meta.dirname, name)), join(root, 'compose.yaml')].map(
  (path) => readFileSync(path, 'utf8'),
)

test('every variable of the compose files is in the settings table, with the same default', () => {
  const asked = texts.flatMap((text) => [...text.matchAll(/\$\{([A-Z0-9_]+)(?::-([^}]*))?/g)])
  assert.ok(asked.length > 40)
  for (const [, name = '', fallback] of asked) {
    const known = composeSettings[name]
    if (known !== undefined) assert.is(fallback, known.fallback, name)
    else assert.ok(isSetting(name) || name === 'USER1_SECRET', `${name} is in no table`)
  }
  const names = new Set(asked.map(([, name]) => name))
  for (const name of Object.keys(composeSettings))
    assert.ok(names.has(name), `${name} is read by no compose file`)
})

test('npm start accepts the .env of compose', () => {
  const all = Object.keys(composeSettings)
    .map((name) => `${name}=1`)
    .join('\n')
  assert.ok(readConfig({}, all).ok)
  assert.ok(readConfig(Object.fromEntries(Object.keys(composeSettings).map((name) => [name, '1']))).ok)
  assert.not.ok(readConfig({}, 'GRAFANA_PASWORD=1').ok)
})

test('alerts go to each complete receiver, and an incomplete one is a mistake', () => {
  const [none] = alertmanagerConfig({}).receivers
  assert.equal(Object.keys(none ?? {}), ['name'])
  const [receiver] = alertmanagerConfig({
    ALERT_RECEIVER_URL: 'http://hook',
    ALERT_EMAIL_TO: 'a@b',
    ALERT_EMAIL_FROM: 'c@d',
    ALERT_SMTP_HOST: 'm:25',
    ALERT_TELEGRAM_TOKEN: '1:x',
    ALERT_TELEGRAM_CHAT: '-5',
    ALERT_TELEGRAM_API: 'http://api',
  }).receivers
  assert.equal(Object.keys(receiver ?? {}), ['name', 'webhook_configs', 'email_configs', 'telegram_configs'])
  assert.is(receiver?.telegram_configs?.[0]?.api_url, 'http://api')
  assert.is(receiver?.email_configs?.[0]?.require_tls, true)
  assert.is(receiverMistakes({}).length, 0)
  assert.is(receiverMistakes({ ALERT_EMAIL_TO: 'a@b' }).length, 2)
  assert.is(receiverMistakes({ ALERT_TELEGRAM_TOKEN: '1:x' }).length, 1)
})

test.run()
