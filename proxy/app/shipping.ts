import type { KafkaConfig } from '../config/config.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import { type Shipped, startShipper } from '../event-log/ship.ts'
import { openKafka } from '../kafka/connect.ts'
import { openProducer } from '../kafka/producer.ts'
import type { Logger } from '../logger/logger.ts'
import { kafkaSpanExporter } from '../telemetry/kafka-exporter.ts'

/** Shipping of this process to Kafka. */
export type Shipping = {
  readonly shipped: Shipped
  /** Whether the brokers accepted the last message; null before the first. */
  readonly up: boolean | null
  /** Failed attempts by reason. */
  failures(): Iterable<readonly [string, number]>
  /** Null when KAFKA_SPANS_TOPIC is none. */
  readonly spans: ReturnType<typeof kafkaSpanExporter> | null
  /** Ships what is left for at most 5 s, and spans until `traced`; the rest stays in the event log for the next start. */
  stop(traced: Promise<void>): Promise<void>
}

const patienceMs = 5_000

/** Ships the event log of this node and its spans. Does not wait for a broker. Throws for invalid settings. */
export const startShipping = (config: KafkaConfig, node: string, log: LocalLog, logger: Logger): Shipping => {
  const client = openKafka(config, `mtscope-${node}`, logger)
  const { events, spans } = config.topics
  const producer = openProducer(client, events, { now: Date.now })
  const ofSpans = spans === null ? null : openProducer(client, spans)
  const shipper = startShipper(log, producer, logger)
  return {
    get shipped() {
      return shipper.shipped
    },
    get up() {
      return producer.up
    },
    failures: () => producer.failures,
    spans: ofSpans === null ? null : kafkaSpanExporter(ofSpans),
    stop: async (traced) => {
      const whole = await shipper.stop(patienceMs)
      if (!whole) {
        const { waitingRows } = shipper.shipped
        logger('warn', 'unshipped', { rows: waitingRows, hint: 'the next start ships them' })
      }
      await Promise.all([producer.close(), traced.then(() => ofSpans?.close())])
    },
  }
}
