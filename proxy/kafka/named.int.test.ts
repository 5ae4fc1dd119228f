import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import type { KafkaConfig } from '../config/config.ts'
import { openKafka } from './connect.ts'
import { openConsumer } from './consumer.ts'
import type { KafkaFailure } from './errors.ts'
import { openProducer } from './producer.ts'

const it = skipUnless(test, ensureKafka() !== null, 'Kafka is missing')

/** A producer and a consumer, and the lines that they log. */
const openBoth = (config: KafkaConfig) => {
  const lines: string[] = []
  const client = openKafka(
    config,
    'test',
    (_, line, fields) => lines.push(`${line} ${fields?.reason}`),
    2_000,
  )
  const consumer = openConsumer(
    client,
    { topic: 'mtscope.events', group: 'test' },
    { assigned: () => {}, batch: async () => {} },
  )
  return { lines, producer: openProducer(client, 'mtscope.events'), consumer }
}

/** Checks the reason that a producer and a consumer log and count. */
const named = async (config: KafkaConfig, expected: KafkaFailure): Promise<void> => {
  const { lines, producer, consumer } = openBoth(config)
  const sending = producer.send(0, [{ value: 'x' }]).catch(() => {})
  await until(() => consumer.failure === expected, `the consumer names ${expected}; ${lines}`, 60_000)
  await until(() => producer.failures.get(expected), `the producer names ${expected}; ${lines}`, 60_000)
  assert.ok(lines.includes(`kafka-lost ${expected}`), lines.join())
  await Promise.all([producer.close(), consumer.stop()])
  await sending
}

it('a broker that advertises an address that does not answer is named as advertised', async () => {
  await using kafka = await startKafka({ advertisedPort: 1 })
  await named(testConfig([`127.0.0.1:${kafka.port}`]), 'advertised')
})

it('KAFKA_REPLICAS above the number of brokers is named as too-few-brokers', async () => {
  await using kafka = await startKafka()
  await named({ ...testConfig(kafka.brokers), replicas: 3 }, 'too-few-brokers')
})

it('a broker that cannot write to one of its disks is named as disk', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'mtscope-broker-'))
  const [mounted, other] = [join(disk, 'small'), join(disk, 'other')]
  mkdirSync(mounted)
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mounted])
  try {
    if (mount.status !== 0) return // mount requires root
    await using kafka = await startKafka({
      properties: { 'log.dirs': `${other},${join(mounted, 'data')}`, 'log.index.size.max.bytes': 4_096 },
    })
    const { lines, producer, consumer } = openBoth(testConfig(kafka.brokers, 'mtscope', 6))
    const filling = (async () => {
      for (let i = 0; ; i++) await producer.send(i % 6, [{ value: randomBytes(500_000) }])
    })().catch(() => {})
    const isNamed = (): boolean => lines.some((line) => /^kafka-lost (?:disk|no-leader)$/.test(line))
    await until(isNamed, 'the disk is named', 60_000)
    await Promise.all([producer.close(), consumer.stop()])
    await filling
  } finally {
    spawnSync('umount', ['-l', mounted])
    rmSync(disk, { recursive: true, force: true })
  }
})

it('brokers that are away are named as unreachable', async () => {
  await named(testConfig(['127.0.0.1:1']), 'unreachable')
})

test.run()
