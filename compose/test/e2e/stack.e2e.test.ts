import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alertGroups } from '../../../dashboards/alerts/rules.ts'
import { boards } from '../../../dashboards/boards/boards.ts'
import { composeSettings } from '../../../proxy/config/compose-settings.ts'
import { call, counted, inRedis, json, linksOf, query, reported, verify } from '../images/seen.ts'
import { type Stack, startEngine, startStack } from '../images/stack.ts'
import { newSecret } from '../kit/client/client.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureAlertmanager } from '../services/alertmanager.ts'
import { ensureDocker } from '../services/docker.ts'
import { ensureCompose } from '../services/docker-compose.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensurePrometheus } from '../services/prometheus.ts'
import { ensureRedis } from '../services/redis.ts'
import { ensureJaeger, ensureOtelcol } from '../services/telemetry-programs.ts'
import { until } from '../until.ts'

const programs = [
  ensureDocker,
  ensureCompose,
  ensureKafka,
  ensureRedis,
  ensurePrometheus,
  ensureAlertmanager,
  ensureOtelcol,
  ensureJaeger,
]
const it = skipUnless(
  test,
  programs.every((ensure) => ensure() !== null),
  'a Docker engine or a program for its images is missing',
)

/** Clients are served while Kafka cannot start; the next `up` completes the stack. Leaves one ended connection. */
const kafkaIsLate = async (stack: Stack): Promise<void> => {
  await stack.up({ KAFKA_HEAP_OPTS: '-Xmx1k' }, 'proxy', 'redis')
  const [link] = await until(async () => {
    const links = await linksOf(stack)
    return links.length > 0 ? links : null
  }, 'the links are logged')
  await call(link!, 2)
  await stack.up({ KAFKA_HEAP_OPTS: `${composeSettings.KAFKA_HEAP_OPTS?.fallback}` })
  await counted(stack, 1)
}

/** Clients connect with the printed links, and are counted in Redis, the event log, Prometheus and the trace store. */
const everyPartKnows = async (stack: Stack): Promise<void> => {
  const { ports, has } = stack
  const before = await inRedis(stack)
  const links = await linksOf(stack)
  assert.equal(
    links.map(({ mode, port }) => [mode, port]),
    [
      ['secure', ports.clients],
      ['tls', ports.clients],
    ],
  )
  for (const link of links) for (const dc of [2, 4]) await call(link, dc)

  await counted(stack, before + 4)
  assert.match(await verify(stack), /equal/)
  await until(
    async () =>
      (await query(stack, 'sum(mtscope_connections_accepted_total{job="mtscope-proxy"})'))[0]?.value ===
        before + 4 && (await query(stack, 'sum(mtscope_lifetime_sessions_total)'))[0]?.value === before + 4,
    'Prometheus has scraped them, from proxy and collector',
    120_000,
  )
  const [session] = await reported(stack, 'handshake.accepted')
  // Spans of one trace may arrive one after the other.
  await until(
    async () => {
      const trace = await json(ports.tempo, `/api/traces/${session?.connection}`).catch(() => null)
      const reported = JSON.stringify(trace)
      return reported.includes('mtscope') && reported.includes('handshake')
    },
    'the connection is a trace',
    120_000,
  )

  const jobs = [
    'alertmanager',
    'grafana',
    'mtscope-collector',
    'mtscope-proxy',
    'otelcol',
    'prometheus',
    'tempo',
  ]
  // Every service is scraped every 15 s at its own time, some for the first time while others start.
  await until(
    async () => {
      const up = (await query(stack, 'up == 1')).map(({ metric }) => metric.job ?? '')
      return jobs.filter(has).every((job) => up.includes(job))
    },
    `Prometheus reaches ${jobs.filter(has).join(', ')}`,
    120_000,
  )
}

/** Rules, receivers, data sources and dashboards are provisioned. */
const allIsProvisioned = async ({ ports, compose, has }: Stack): Promise<void> => {
  const { data: rules } = (await json(ports.prometheus, '/api/v1/rules')) as {
    data: { groups: { rules: { name: string; lastError?: string }[] }[] }
  }
  assert.is(rules.groups.length, alertGroups.length)
  const all = rules.groups.flatMap((group) => group.rules)
  assert.equal(
    all.filter(({ lastError }) => lastError),
    [],
  )
  await until(async () => {
    const { data } = (await json(ports.prometheus, '/api/v1/alertmanagers')) as {
      data: { activeAlertmanagers: unknown[] }
    }
    return data.activeAlertmanagers.length === 1
  }, 'Prometheus has found its Alertmanager')
  if (!has('grafana')) return
  const password = (await compose('exec', '-T', 'grafana', 'cat', '/prepared/grafana-password')).trim()
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  const found = await json(ports.grafana, '/api/search?type=dash-db', { authorization })
  assert.is((found as unknown[]).length, boards.length)
}

/** The compile cache in the image is valid for the user, flags and read-only folder of its programs. */
const startsCompiled = async ({ compose }: Stack): Promise<void> => {
  const run = (service: string, program: string): Promise<string> =>
    compose(
      'exec',
      '-T',
      '-e',
      'NODE_DEBUG_NATIVE=COMPILE_CACHE',
      service,
      'sh',
      '-c',
      `node ${program} --help 2>&1`,
    )
  for (const service of ['proxy', 'collector']) {
    const printed = await run(service, `${service}/main.ts`)
    assert.match(printed, /retrieving transpile cache for StrippedTypeScript .*success/)
    assert.not.match(printed, 'no transpile cache')
  }
}

/** Receivers that are added to .env later work after the next `up`. */
const receiversChange = async ({ ports, up }: Stack): Promise<void> => {
  const received = async (): Promise<boolean> =>
    JSON.stringify(await json(ports.alertmanager, '/api/v2/status')).includes('telegram.example')
  assert.not(await received())
  const telegram = { TOKEN: '1:x', CHAT: '-5', API: 'http://telegram.example' }
  await up(Object.fromEntries(Object.entries(telegram).map(([name, is]) => [`ALERT_TELEGRAM_${name}`, is])))
  assert.ok(await received())
}

/** An upgrade to another image, collectors first. */
const upgradeCountsOnce = async (stack: Stack): Promise<void> => {
  const { compose, docker, up } = stack
  const before = await inRedis(stack)
  const [link] = await linksOf(stack)
  const proxy = await compose('ps', '--quiet', 'proxy')
  await docker('tag', stack.image, 'local/mtscope:2.0.0')
  await up({ MTSCOPE_IMAGE: 'local/mtscope:2.0.0' }, '--no-deps', 'collector')
  assert.is(await compose('ps', '--quiet', 'proxy'), proxy)
  await call(link!, 2)
  await up({}, 'proxy')
  await call(link!, 2)
  const images = await compose('images', 'proxy', 'collector')
  assert.match(images, /2\.0\.0/)
  assert.not.match(images, /1\.0\.0/)
  assert.equal((await linksOf(stack))[0], link)
  await counted(stack, before + 2)
  assert.match(await verify(stack), /equal/)
}

/** Removes all volumes and restores the backup: the old links work, the totals are the old ones. */
const backupRestores = async (stack: Stack, folder: string): Promise<void> => {
  const { compose, backup, up } = stack
  const [before, links] = [await inRedis(stack), await linksOf(stack)]
  const saved = await backup('save', folder)
  for (const file of ['proxy.tar.gz', 'kafka.tar.gz', 'redis.tar.gz'])
    assert.ok(saved.includes(join(folder, file)), file)
  assert.is(statSync(join(folder, 'proxy.tar.gz')).mode & 0o077, 0)
  const refused = await backup('restore', folder).catch(String)
  assert.match(refused, /volume of [\w-]+ is not empty/)
  await compose('down', '--volumes', '--timeout', '5')
  await backup('restore', folder)
  await up({}, 'proxy', 'collector')
  assert.equal(await linksOf(stack), links)
  await counted(stack, before)
  await call(links[0]!, 4)
  await counted(stack, before + 1)
}

/** Every proxy serves clients, and every client is counted. */
const everyProxyLetsIn = async (stack: Stack, proxies: number): Promise<void> => {
  const [, link] = await linksOf(stack)
  const people = 24
  for (let i = 0; i < people; i++) await call(link!, 2)
  await counted(stack, people)
  const accepted = 'mtscope_connections_accepted_total{job="mtscope-proxy"} > 0'
  await until(
    async () => {
      const seen = await query(stack, accepted)
      return seen.length === proxies && seen.reduce((sum, { value }) => sum + value, 0) === people
    },
    `${proxies} proxies let ${people} people in`,
    120_000,
  )
}

/** The remaining proxy serves every client. */
const oneFalls = async (fleet: Stack): Promise<void> => {
  const [, link] = await linksOf(fleet)
  await fleet.compose('kill', 'proxy')
  for (let i = 0; i < 8; i++) await call(link!, 4)
}

it('docker compose up without a setting: clients are served and counted; upgrade, backup and restore work', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-backup-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
  await using engine = await startEngine()
  {
    await using stack = await startStack(engine)
    await kafkaIsLate(stack)
    await everyPartKnows(stack)
    await receiversChange(stack)
    await startsCompiled(stack)
    await allIsProvisioned(stack)
    await upgradeCountsOnce(stack)
    await backupRestores(stack, folder)
  }
  {
    await using fleet = await startStack(engine, 'fleet', { USER1_SECRET: newSecret() })
    await fleet.up({}, 'proxy-2', 'collector-2', 'collector', 'prometheus')
    await everyProxyLetsIn(fleet, 2)
    await oneFalls(fleet)
  }
  await using host = await startStack(engine, 'host')
  await host.up({}, 'collector', 'prometheus')
  await everyProxyLetsIn(host, 1)
})

test.run()
