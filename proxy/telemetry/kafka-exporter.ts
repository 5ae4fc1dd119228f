import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Producer } from '../kafka/producer.ts'

const success = 0
const failure = 1
/** Batches that may wait for the broker. Spans beyond them are lost and counted: traffic does not wait for traces. */
const mostWaiting = 16

/**
 * Writes spans as OTLP protobuf, one request per message, as the OpenTelemetry Collector's Kafka receiver reads them
 * (`otlp_proto`). Partitions take turns: a backend joins the spans of a trace from any of them.
 */
export const kafkaSpanExporter = (producer: Pick<Producer, 'partitions' | 'send'>): SpanExporter => {
  let waiting = 0
  let turn = 0
  const send = async (value: Buffer): Promise<void> => {
    const partitions = await producer.partitions()
    await producer.send(turn++ % partitions, [{ value }])
  }
  return {
    export: (spans, done) => {
      const request = waiting < mostWaiting ? ProtobufTraceSerializer.serializeRequest(spans) : undefined
      if (request === undefined)
        return done({ code: failure, error: new Error('the broker does not answer') })
      waiting++
      send(Buffer.from(request))
        .then(
          () => done({ code: success }),
          (error: Error) => done({ code: failure, error }),
        )
        .finally(() => {
          waiting--
        })
    },
    shutdown: async () => {},
  }
}
