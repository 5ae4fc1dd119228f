import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Producer } from '../kafka/producer.ts'

const failed = 1
const done = 0
/** Batches that wait for the broker; beyond them spans are given up and counted, for traffic must not wait for traces. */
const mostWaiting = 16

/**
 * Writes spans as OTLP (protobuf), one request a message: what the OpenTelemetry Collector's Kafka receiver reads as
 * `otlp_proto`. Partitions take turns: a trace is whole wherever its spans come from.
 */
export const kafkaSpanExporter = (producer: Pick<Producer, 'partitions' | 'send'>): SpanExporter => {
  let waiting = 0
  let turn = 0
  const send = async (value: Buffer): Promise<void> => {
    const partitions = await producer.partitions()
    await producer.send(turn++ % partitions, [{ value }])
  }
  return {
    export: (spans, reported) => {
      const request = waiting < mostWaiting ? ProtobufTraceSerializer.serializeRequest(spans) : undefined
      if (request === undefined) return reported({ code: failed, error: new Error('the broker is away') })
      waiting++
      send(Buffer.from(request))
        .then(
          () => reported({ code: done }),
          (error: Error) => reported({ code: failed, error }),
        )
        .finally(() => {
          waiting--
        })
    },
    shutdown: async () => {},
  }
}
