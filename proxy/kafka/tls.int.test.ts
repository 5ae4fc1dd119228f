import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../compose/test/kit/examples/doctor-example.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { startAppliance } from '../../compose/test/kit/processes/harness.ts'
import { authority } from '../../compose/test/kit/servers/certificate.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import type { KafkaConfig } from '../config/config.ts'
import { kafkaCheck } from '../doctor/checks/kafka.ts'
import { examine } from '../doctor/examine.ts'
import { openKafka } from './connect.ts'
import { openConsumer } from './consumer.ts'
import { openProducer } from './producer.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

const inOneLine = (pem: string): string => pem.replaceAll('\n', '\\n')

/** A TLS-only broker with a certificate for 127.0.0.1. `caFile` is the authority that signed it, `otherCa` another one. */
const tlsBroker = async (properties: Readonly<Record<string, string>> = {}) => {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-tls-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const ca = authority()
  const { key, cert } = ca.issue('127.0.0.1')
  const broker = stack.use(
    await startKafka({
      properties: {
        'listener.security.protocol.map': 'PLAINTEXT:SSL,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'PLAINTEXT',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.key': inOneLine(key),
        'ssl.keystore.certificate.chain': inOneLine(cert),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.certificates': inOneLine(ca.cert),
        ...properties,
      },
    }),
  )
  const owned = stack.move()
  return {
    brokers: broker.brokers,
    caFile: file('ca.pem', ca.cert),
    otherCa: file('other.pem', authority().cert),
    useless: [
      file('key.pem', key),
      file('damaged.pem', ca.cert.replace(/\n-----END/, '\n\n-----END').replace('MII', 'MIJ')),
      join(folder, 'none.pem'),
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Sends a message and reads it. */
const roundTrip = async (config: KafkaConfig): Promise<string> => {
  const producer = openProducer(
    openKafka(config, 'test', () => {}),
    config.topics.events,
  )
  const got = Promise.withResolvers<string>()
  const consumer = openConsumer(
    openKafka(config, 'test', () => {}),
    { topic: config.topics.events, group: 'test' },
    { assigned: () => {}, batch: async (_, messages) => got.resolve(`${messages[0]?.value}`) },
  )
  try {
    await producer.send(0, [{ value: 'sealed' }])
    return await got.promise
  } finally {
    await Promise.all([producer.close(), consumer.stop()])
  }
}

/** The log line of a refused producer and consumer, and the counted reasons. */
const refusal = async (config: KafkaConfig) => {
  const printed: string[] = []
  const refused = Promise.withResolvers<void>()
  const client = openKafka(config, 'test', (level, what, { reason, hint } = {}) => {
    printed.push(`${level} ${what} ${reason}: ${hint}`)
    if (printed.length === 2) refused.resolve()
  })
  const producer = openProducer(client, config.topics.events)
  const sent = producer.send(0, [{ value: 'never' }]).catch(() => {})
  const consumer = openConsumer(
    client,
    { topic: config.topics.events, group: 'test' },
    { assigned: () => {}, batch: async () => assert.unreachable() },
  )
  await refused.promise
  const failures = [...producer.failures.keys()]
  await Promise.all([producer.close(), consumer.stop(), sent])
  assert.is(printed[0], printed[1], 'both log the same')
  return { printed: printed[0] ?? '', failures }
}

it('connections to brokers use TLS; a certificate without a trusted authority is refused, with a hint', async () => {
  await using kafka = await tlsBroker()
  const { brokers, caFile, otherCa, useless } = kafka
  const trusted: KafkaConfig = { ...testConfig(brokers), tls: true, caFile }
  assert.is(await roundTrip(trusted), 'sealed')

  for (const config of [
    { ...trusted, caFile: null },
    { ...trusted, caFile: otherCa },
  ]) {
    const { printed, failures } = await refusal(config)
    assert.match(printed, /^warn kafka-lost untrusted: KAFKA_CA: set it to the file \(PEM\) of the authority/)
    assert.equal(failures, ['untrusted'])
  }
  const named = await refusal({
    ...trusted,
    brokers: brokers.map((b) => b.replace('127.0.0.1', 'localhost')),
  })
  assert.match(named.printed, /wrong-name: KAFKA_BROKERS, .* must be a name in their certificate/)
  for (const file of useless)
    assert.throws(
      () => openKafka({ ...trusted, caFile: file }, 'test', () => {}),
      /KAFKA_CA: the file /,
      file,
    )

  const env = { KAFKA_BROKERS: brokers.join(), KAFKA_TLS: 'true' }
  const doctor = async (more = {}) =>
    (await examine({ kafka: kafkaCheck }, exampleAbout({ ...env, ...more })))[0]
  assert.is((await doctor({ KAFKA_CA: caFile }))?.verdict, 'ok')
  const ill = await doctor()
  assert.is(ill?.verdict, 'fail')
  assert.match(ill?.advice ?? '', /^KAFKA_CA: /)

  await using proxy = await startAppliance({ program: 'proxy/main.ts', env })
  await until(
    async () => (await proxy.metric('mtscope_kafka_failures_total', { reason: 'untrusted' })) > 0,
    'the refusal is counted',
  )
  assert.is(await proxy.metric('mtscope_kafka_up'), 0)
  assert.ok(
    proxy.lines.some((line) => /warn kafka-lost .*untrusted.*KAFKA_CA: /.test(line)),
    proxy.lines.join('\n'),
  )
})

it('a login goes through TLS', async () => {
  const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
  await using kafka = await tlsBroker({
    'listener.security.protocol.map': 'PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.plaintext.plain.sasl.jaas.config': `${jaas} username="broker" password="inner" user_broker="inner" user_proxy="right";`,
  })
  const sasl = { mechanism: 'plain', username: 'proxy', password: 'right' } as const
  const config: KafkaConfig = { ...testConfig(kafka.brokers), tls: true, caFile: kafka.caFile, sasl }
  assert.is(await roundTrip(config), 'sealed')
  const { printed } = await refusal({ ...config, sasl: { ...sasl, password: 'wrong' } })
  assert.match(printed, /login-refused: check KAFKA_SASL/)
})

test.run()
