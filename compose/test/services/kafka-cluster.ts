import { type Kafka, startKafka } from './kafka.ts'
import { freePorts } from './ports.ts'

/** Contents of PEM files: the key and certificate of the brokers, and the authority. */
export type KafkaTls = { readonly key: string; readonly cert: string; readonly ca: string }

export type KafkaCluster = AsyncDisposable & {
  readonly brokers: readonly string[]
  readonly nodes: readonly Kafka[]
}

/** The login of clients, by SCRAM-SHA-512. */
export const clusterLogin = { username: 'proxy', password: 'right' } as const

const inOneLine = (pem: string): string => pem.replaceAll('\n', '\\n')
const loginModule = (name: string): string => `org.apache.kafka.common.security.${name} required`

const secured = ({ key, cert, ca }: KafkaTls) => ({
  'listener.security.protocol.map': 'PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.key': inOneLine(key),
  'ssl.keystore.certificate.chain': inOneLine(cert),
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.certificates': inOneLine(ca),
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
  'sasl.mechanism.inter.broker.protocol': 'PLAIN',
  'listener.name.plaintext.plain.sasl.jaas.config': `${loginModule('plain.PlainLoginModule')} username="broker" password="inner" user_broker="inner";`,
  'listener.name.plaintext.scram-sha-512.sasl.jaas.config': `${loginModule('scram.ScramLoginModule')};`,
})

/** Three brokers that are the controllers, too. A topic has three replicas, and a write needs two of them. */
export const startKafkaCluster = async (tls: KafkaTls | null = null): Promise<KafkaCluster> => {
  await using stack = new AsyncDisposableStack()
  const ports = await freePorts(6)
  const places = [0, 1, 2].map((at) => ({ id: at + 1, port: ports[at]!, controller: ports[at + 3]! }))
  const voters = places.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join()
  const { username, password } = clusterLogin
  const nodes = await Promise.allSettled(
    places.map((place) =>
      startKafka({
        member: { ...place, voters },
        format: tls === null ? [] : ['--add-scram', `SCRAM-SHA-512=[name=${username},password=${password}]`],
        properties: {
          'default.replication.factor': 3,
          'min.insync.replicas': 2,
          'offsets.topic.replication.factor': 3,
          // On a busy machine three controllers would elect without end.
          'controller.quorum.election.timeout.ms': 1000,
          'controller.quorum.fetch.timeout.ms': 2000,
          'broker.session.timeout.ms': 6000,
          // The first replica of each partition leads within seconds.
          'leader.imbalance.check.interval.seconds': 2,
          'leader.imbalance.per.broker.percentage': 0,
          ...(tls === null ? {} : secured(tls)),
        },
      }),
    ),
  )
  for (const node of nodes) if (node.status === 'fulfilled') stack.use(node.value)
  const failed = nodes.find((node) => node.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const kept = stack.move()
  const started = nodes.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []))
  return {
    brokers: started.flatMap(({ brokers }) => brokers),
    nodes: started,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
