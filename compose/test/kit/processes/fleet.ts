import { type Kafka, startKafka } from '../../services/kafka.ts'
import { type Redis, startRedis } from '../../services/redis.ts'
import { type FakeDatacenter, fakeDatacenter } from '../servers/fake-datacenter.ts'
import { type Site, tlsSite } from '../servers/site.ts'
import { type Appliance, startAppliance } from './harness.ts'

export type Fleet = AsyncDisposable & {
  readonly kafka: Kafka
  readonly redis: Redis
  /** Datacenter 2. */
  readonly datacenter: FakeDatacenter
  /** All of them by their number. */
  readonly datacenters: ReadonlyMap<number, FakeDatacenter>
  /** The masking host. */
  readonly site: Site
  readonly proxies: readonly Appliance[]
  readonly collectors: readonly Appliance[]
  /** Starts one more proxy, and adds it to `proxies`. */
  addProxy(): Promise<Appliance>
}

const startServers = async (stack: AsyncDisposableStack, advertisedPort?: number) => {
  const [kafka, redis] = await Promise.all([
    startKafka(advertisedPort === undefined ? {} : { advertisedPort }),
    startRedis(),
  ])
  return { kafka: stack.use(kafka), redis: stack.use(redis) }
}

/** A fleet of real processes: a broker, a Redis, proxies with one secret and one masking host, and collectors. */
export const startFleet = async (options: {
  readonly proxies: number
  readonly collectors: number
  readonly env?: Readonly<Record<string, string>>
  /** Servers instead of its own, which it does not stop. */
  readonly servers?: { readonly kafka: Kafka; readonly redis: Redis }
  /** Port that the broker advertises instead of its own. */
  readonly advertisedPort?: number
  /** Numbers of the datacenters; 2 is always there. */
  readonly datacenters?: readonly number[]
  /** Settings for one process, by its NODE_NAME: proxy-1, collector-2. */
  readonly envOf?: (node: string) => Readonly<Record<string, string>>
  /** Settings for the proxies only. */
  readonly proxyEnv?: Readonly<Record<string, string>>
  /** DATA_DIR of each proxy; a folder of its own where undefined. */
  readonly dataDirs?: readonly (string | undefined)[]
}): Promise<Fleet> => {
  await using stack = new AsyncDisposableStack()
  const site = stack.use(await tlsSite())
  const datacenter = stack.use(await fakeDatacenter())
  const datacenters = new Map([[2, datacenter]])
  for (const dc of options.datacenters ?? [])
    if (!datacenters.has(dc)) datacenters.set(dc, stack.use(await fakeDatacenter()))
  const { kafka, redis } = options.servers ?? (await startServers(stack, options.advertisedPort))
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(','),
    REDIS_URL: redis.url,
    KAFKA_PARTITIONS: '4',
    WORKERS: '1',
    ...options.env,
  }
  const proxies: Appliance[] = []
  const addProxy = async (): Promise<Appliance> => {
    const i = proxies.length
    const secret = proxies[0]?.secret
    const dataDir = options.dataDirs?.[i]
    const own = {
      ...env,
      ...options.proxyEnv,
      ...(dataDir === undefined ? {} : { DATA_DIR: dataDir }),
      NODE_NAME: `proxy-${i + 1}`,
      ...options.envOf?.(`proxy-${i + 1}`),
      ...(secret === undefined ? {} : { USER1_SECRET: secret }),
    }
    const proxy = await startAppliance({
      program: 'proxy/main.ts',
      env: own,
      datacenters: Object.fromEntries(datacenters),
      site,
    })
    if (secret !== undefined) proxy.secret = secret
    proxies.push(owner.use(proxy))
    return proxy
  }
  let owner = stack
  for (let i = 0; i < options.proxies; i++) await addProxy()
  const collectors: Appliance[] = []
  for (let i = 0; i < options.collectors; i++) {
    const node = `collector-${i + 1}`
    const own = { ...env, NODE_NAME: node, ...options.envOf?.(node) }
    collectors.push(stack.use(await startAppliance({ program: 'collector/main.ts', env: own, site })))
  }
  const kept = stack.move()
  owner = kept
  return {
    kafka,
    redis,
    datacenter,
    datacenters,
    site,
    proxies,
    collectors,
    addProxy,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
