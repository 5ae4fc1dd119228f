import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ensure } from './debian.ts'
import { freePorts } from './ports.ts'
import { type Service, startService } from './service.ts'

const version = '4.4.0'
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtscope')
/** The folder of the broker's jars. */
export const kafkaJars = join(cache, `kafka-${version}`)
/** Java's archive of loaded classes: with it a broker starts with a third less CPU. */
const archive = join(cache, `kafka-${version}.jsa`)

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>mtscope</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version></dependency>
  </dependencies>
</project>
`

/** Fetches the broker's jars once and atomically: another run may do the same at the same time. */
const fetchJars = (mvn: string): boolean => {
  process.stdout.write(`fetching the jars of Kafka ${version} for the tests; 43 MB\n`)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'fetching-'))
  try {
    writeFileSync(join(folder, 'pom.xml'), pom)
    const { status } = spawnSync(
      mvn,
      [
        '-q',
        '-B',
        '-ntp',
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        '-DoutputDirectory=jars',
      ],
      { cwd: folder, stdio: 'ignore' },
    )
    if (status !== 0) return false
    if (!existsSync(kafkaJars)) renameSync(join(folder, 'jars'), kafkaJars)
    return true
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Java and the jars of a broker, installed where they are missing; null where they cannot be installed. */
export const ensureKafka = (): { readonly java: string; readonly jars: string } | null => {
  const java = ensure('java', 'default-jre-headless')
  if (java === null) return null
  if (existsSync(kafkaJars) && readdirSync(kafkaJars).length > 0) return { java, jars: kafkaJars }
  const mvn = ensure('mvn', 'maven')
  return mvn !== null && fetchJars(mvn) ? { java, jars: kafkaJars } : null
}

export type Kafka = Service & { readonly brokers: readonly string[]; readonly port: number }
export type KafkaOptions = {
  /** Advertised port: that of a proxy of the test in front of the broker. */
  readonly advertisedPort?: number
  /** Further lines of server.properties. */
  readonly properties?: Readonly<Record<string, string | number>>
  /** Further arguments of Java. */
  readonly java?: readonly string[]
  /** Its place among several brokers, with the ports that are reserved for it. */
  readonly member?: Member
  /** Further arguments of `kafka-storage format`. */
  readonly format?: readonly string[]
}
export type Member = {
  readonly id: number
  readonly port: number
  readonly controller: number
  /** `controller.quorum.voters`. */
  readonly voters: string
}

const heap = ['-Xms64m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

// A node that is broker and controller, small, and ready within seconds after a kill.
const propertiesOf = (
  { id, port, controller, voters }: Member,
  folder: string,
  options: KafkaOptions,
): string =>
  Object.entries({
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.advertisedPort ?? port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    'num.partitions': 1,
    'offsets.topic.num.partitions': 3,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'controller.quorum.election.timeout.ms': 200,
    'controller.quorum.fetch.timeout.ms': 500,
    'log.cleaner.dedupe.buffer.size': 8_388_608,
    'log.segment.bytes': 67_108_864,
    ...options.properties,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

// ApiVersions, version 0, without a client's name: the first request of every client.
const question = Buffer.from('0000000a001200000000000affff', 'hex')

/** Whether the broker answers requests: it accepts connections earlier. */
const answers = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1', () => socket.write(question))
  socket.setTimeout(1_000, () => resolve(false))
  socket.once('data', () => resolve(true)).once('error', () => resolve(false))
  socket.once('close', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

const alone = async (): Promise<Member> => {
  const [port = 0, controller = 0] = await freePorts(2)
  return { id: 1, port, controller, voters: `1@127.0.0.1:${controller}` }
}

/** Starts an empty broker (KRaft, one node), which keeps its data over `kill` and `start`. */
export const startKafka = async (options: KafkaOptions = {}): Promise<Kafka> => {
  const there = ensureKafka()
  if (there === null) throw new Error('Kafka is missing: install java and mvn')
  const member = options.member ?? (await alone())
  const { port } = member
  const java = (folder: string): string[] => [
    ...heap,
    ...(existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
    '-cp',
    join(there.jars, '*'),
    `-Dkafka.logs.dir=${folder}`,
  ]
  let formatted = false
  const service = await startService({
    name: 'kafka',
    command: there.java,
    args: (folder) => {
      const file = join(folder, 'server.properties')
      if (!formatted) {
        writeFileSync(file, propertiesOf(member, folder, options))
        const format = spawnSync(
          there.java,
          [
            ...[
              ...java(folder),
              'kafka.tools.StorageTool',
              'format',
              '-t',
              'bXRzY29wZS10ZXN0LTEyMw',
              '-c',
              file,
            ],
            ...(options.format ?? []),
          ],
          { encoding: 'utf8' },
        )
        if (format.status !== 0)
          throw new Error(`kafka.tools.StorageTool failed: ${format.stdout}${format.stderr}`)
        formatted = true
      }
      return [...(options.java ?? []), ...java(folder), 'kafka.Kafka', file]
    },
    ready: () => answers(port),
    // Three at the same time take long on a busy machine.
    readyMs: options.member === undefined ? 90_000 : 240_000,
  })
  return Object.assign(service, { port, brokers: [`127.0.0.1:${options.advertisedPort ?? port}`] })
}

/** Makes that archive once per machine: Java writes it when a broker ends. Brokers also start without it. */
export const archiveKafka = async (): Promise<void> => {
  if (existsSync(archive) || ensureKafka() === null) return
  const making = `${archive}.${process.pid}`
  await using broker = await startKafka({ java: [`-XX:ArchiveClassesAtExit=${making}`] })
  await broker.stop()
  if (existsSync(making)) renameSync(making, archive)
}
