import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { certificateFiles } from '../../compose/test/kit/servers/certificate-files.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka } from '../../compose/test/services/kafka.ts'
import { clusterLogin, startKafkaCluster } from '../../compose/test/services/kafka-cluster.ts'
import { until } from '../../compose/test/until.ts'
import type { KafkaConfig } from '../config/config.ts'
import { kafkaCheck } from '../doctor/checks/kafka.ts'
import { examine } from '../doctor/examine.ts'
import { openKafka } from './connect.ts'
import { topicExtent } from './offsets.ts'
import { openProducer } from './producer.ts'
import { readRanges } from './range.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

it('of three brokers with TLS and a login one may be lost: each message arrives once, and the doctor reports it', async () => {
  using files = certificateFiles()
  const [key, cert, ca] = [files.tls.key, files.tls.cert, files.tls.ca].map((file) =>
    readFileSync(file, 'utf8'),
  )
  await using kafka = await startKafkaCluster({ key: key!, cert: cert!, ca: ca! })
  const config: KafkaConfig = {
    ...testConfig(kafka.brokers),
    ...{ tls: true, caFile: files.tls.ca, replicas: 3 },
    sasl: { mechanism: 'scram-sha-512', ...clusterLogin },
  }
  const client = openKafka(config, 'test', () => {})
  const topic = config.topics.events
  const producer = openProducer(client, topic)
  const sent: string[] = []
  const send = async (): Promise<void> => {
    const value = `message ${sent.length}`
    sent.push(value)
    await producer.send(0, [{ value }])
  }
  for (let i = 0; i < 10; i++) await send()
  const findings = async () => {
    const { caFile, sasl, brokers } = config
    const about = exampleAbout({
      ...{ KAFKA_BROKERS: brokers.join(), KAFKA_TLS: 'true', KAFKA_CA: caFile!, KAFKA_REPLICAS: '3' },
      ...{ KAFKA_SASL: 'scram-sha-512', KAFKA_USERNAME: sasl!.username, KAFKA_PASSWORD: sasl!.password },
    })
    return new Map((await examine({ kafka: kafkaCheck }, about)).map((one) => [one.id, one]))
  }
  const healthy = await findings()
  assert.equal(
    (['kafka.brokers', 'kafka.in-sync', `kafka.topic.${topic}`] as const).map(
      (id) => healthy.get(id)?.verdict,
    ),
    ['ok', 'ok', 'ok'],
  )
  const admin = client.kafka.admin()
  await admin.connect()
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  await admin.disconnect()
  const leader = topics[0]?.partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 1
  await kafka.nodes[leader - 1]!.kill()
  for (let i = 0; i < 10; i++) await send()
  const read: string[] = []
  const next = (await topicExtent(client, topic)).get(0)?.next ?? 0
  await readRanges(client, topic, new Map([[0, { from: 0, to: next }]]), (_, messages) => {
    for (const { value } of messages) read.push(`${value}`)
  })
  assert.equal(read, sent)
  await until(
    async () => (await findings()).get(`kafka.topic.${topic}`)?.verdict === 'warn',
    'the doctor reports replicas that are not in sync',
    60_000,
  )
  await producer.close()
})

test.run()
