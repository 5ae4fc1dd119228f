import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertsFile, scaledGroups } from '../../../dashboards/alerts/alerts.ts'
import { type Fleet, startFleet } from '../../test/kit/processes/fleet.ts'
import { type FakeMiddleProxy, fakeMiddleProxy } from '../../test/kit/servers/fake-middle-proxy.ts'
import { publishedMiddleProxies } from '../../test/kit/servers/published-middle-proxies.ts'
import { type SocksRelay, socksRelay } from '../../test/kit/servers/socks-relay.ts'
import { type Alertmanager, startAlertmanager } from '../../test/services/alertmanager.ts'
import { freePorts } from '../../test/services/ports.ts'
import { type Prometheus, startPrometheus } from '../../test/services/prometheus.ts'
import { until } from '../../test/until.ts'
import { type Sink, startSink } from './sink.ts'
import { startTraffic, type Traffic } from './traffic.ts'

export type World = AsyncDisposable & {
  readonly fleet: Fleet
  /** By the number of their datacenter; none unless the drill has some. */
  readonly middleProxies: ReadonlyMap<number, FakeMiddleProxy>
  readonly traffic: Traffic
  readonly sink: Sink
  readonly prometheus: Prometheus
  /** A scraped Alertmanager that nothing else uses: a drill may kill it. */
  readonly watcher: Alertmanager
  /** The SOCKS5 server of the upstream `backup`. */
  readonly socks: SocksRelay
  /** Factor of every window. */
  readonly factor: number
}

export const partitions = 4
const perSecond = 8
const datacenters = [2, 4] as const
const nodes = ['proxy-1', 'proxy-2', 'collector-1', 'collector-2'] as const

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-drill-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Notifies of each alert alone and immediately, raised and cleared. */
const alertmanagerConfig = (url: string) => ({
  route: {
    receiver: 'drill',
    group_by: ['...'],
    group_wait: '100ms',
    group_interval: '1s',
    repeat_interval: '1h',
  },
  receivers: [{ name: 'drill', webhook_configs: [{ url, send_resolved: true }] }],
})

const upstreamsWith = ({ port }: SocksRelay) => ({
  UPSTREAMS: `direct,socks5://127.0.0.1:${port}?name=backup`,
})
/** The shipped alert rules of Prometheus, their windows scaled. */
const rulesFile = (factor: number, path: string): string => {
  const file = join(path, 'alerts.yaml')
  writeFileSync(file, factor === 1 ? alertsFile() : alertsFile(scaledGroups(factor), '1s'))
  return file
}

/** Starts a middle proxy for each datacenter, and publishes them. */
const publish = async (
  into: Map<number, FakeMiddleProxy>,
  stack: AsyncDisposableStack,
): Promise<{ readonly env: Readonly<Record<string, string>> }> => {
  const secret = randomBytes(128)
  for (const dc of datacenters) into.set(dc, stack.use(await fakeMiddleProxy({ secret })))
  const published = stack.use(await publishedMiddleProxies(Object.fromEntries(into), secret))
  return { env: { ...published.env, USE_MIDDLE_PROXY: 'true' } }
}

/**
 * Starts a fleet of real processes under traffic with both alert systems: the collectors, and Prometheus with the shipped rules
 * and an Alertmanager. Both post to the sink.
 */
export const startWorld = async (options: {
  readonly factor: number
  /** Environment of the proxies. */
  readonly env: Readonly<Record<string, string>>
  /** The proxies have the upstream `backup`. */
  readonly backup: boolean
  readonly middleProxies: boolean
}): Promise<World> => {
  const { factor } = options
  await using stack = new AsyncDisposableStack()
  // Each process keeps its port over a restart, so that Prometheus finds it again.
  const ports = new Map((await freePorts(nodes.length)).map((port, i) => [nodes[i] as string, port]))
  const names = new Map([...ports].map(([node, port]) => [`127.0.0.1:${port}`, node]))
  const sink = stack.use(await startSink(names))
  const socks = stack.use(await socksRelay())
  const middleProxies = new Map<number, FakeMiddleProxy>()
  const published = options.middleProxies ? await publish(middleProxies, stack) : null
  const fleet = stack.use(
    await startFleet({
      proxies: 2,
      collectors: 2,
      datacenters: [...datacenters],
      env: {
        KAFKA_PARTITIONS: String(partitions),
        ALERT_WINDOWS: String(factor),
        ALERT_WEBHOOK_URL: sink.collectorUrl,
        PROBE_INTERVAL: '1',
        STALL_TIMEOUT: String(Math.max(3, 120 * factor)),
      },
      proxyEnv: { ...(options.backup ? upstreamsWith(socks) : {}), ...options.env, ...published?.env },
      envOf: (node) => ({
        [node.startsWith('proxy') ? 'METRICS_PORT' : 'COLLECTOR_PORT']: String(ports.get(node)),
      }),
    }),
  )
  const file = rulesFile(factor, stack.use(folder()).path)
  const alertmanager = stack.use(await startAlertmanager(alertmanagerConfig(sink.alertmanagerUrl)))
  const watcher = stack.use(await startAlertmanager(alertmanagerConfig(sink.alertmanagerUrl)))
  names.set(watcher.address, 'watcher')
  const targets = (kind: string): string[] =>
    [...ports].filter(([node]) => node.startsWith(kind)).map(([, port]) => `127.0.0.1:${port}`)
  const prometheus = stack.use(
    await startPrometheus({
      scrape: {
        'mtscope-proxy': targets('proxy'),
        'mtscope-collector': targets('collector'),
        alertmanager: [watcher.address],
      },
      rules: [file],
      alertmanagers: [alertmanager.address],
    }),
  )
  const traffic = stack.use(startTraffic(fleet.proxies, perSecond))
  const scraped = async () => (await prometheus.query('sum(up)'))[0]?.value === nodes.length + 1
  await until(scraped, 'Prometheus scrapes every process', 30_000)
  await until(
    async () => (await fleet.collectors[0]!.status()).totals.connections > 20,
    'events are folded',
    60_000,
  )
  const kept = stack.move()
  return {
    fleet,
    middleProxies,
    traffic,
    sink,
    prometheus,
    watcher,
    socks,
    factor,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
