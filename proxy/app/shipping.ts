import type { KafkaConfig } from '../config/config.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import { type Shipped, startShipper } from '../event-log/ship.ts'
import { openKafka } from '../kafka/connect.ts'
import { openProducer } from '../kafka/producer.ts'
import type { Logger } from '../logger/logger.ts'
import { kafkaSpanExporter } from '../telemetry/kafka-exporter.ts'

/** What goes to Kafka from this process. */
export type Shipping = {
  readonly shipped: Shipped
  /** Whether brokers took the last thing that was sent; null before the first. */
  readonly up: boolean | null
  /** Tries that failed, by why. */
  failures(): Iterable<readonly [string, number]>
  /** Null when KAFKA_SPANS_TOPIC is none. */
  readonly spans: ReturnType<typeof kafkaSpanExporter> | null
  /** Ships what is left if that is soon done, and spans until `traced`; the rest stays in the log for the next start. */
  stop(traced: Promise<void>): Promise<void>
}

const patienceMs = 5_000

/** Ships the log of this node, and its spans. Waits for no broker. Throws what is wrong with the settings. */
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
        logger('warn', 'unshipped', { rows: waitingRows, hint: 'they are shipped at the next start' })
      }
      await Promise.all([producer.close(), traced.then(() => ofSpans?.close())])
    },
  }
}
