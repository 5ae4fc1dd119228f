import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Wanted } from './environment.ts'
import type { SpanCounts } from './sources.ts'
import type { Span } from './spans.ts'

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

const hrTime = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.min(Math.round((ms - seconds * 1000) * 1e6), 999_999_999)]
}

/** Our span as the SDK's exporters read it. A tracer would choose its own ids, and cost 12 µs per span. */
export const readable = (span: Span, resource: Resource, version: string): ReadableSpan => {
  const context = (spanId: string) => ({ traceId: span.traceId, spanId, traceFlags: TraceFlags.SAMPLED })
  const own = context(span.spanId)
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => own,
    ...(span.parentId === undefined ? {} : { parentSpanContext: context(span.parentId) }),
    startTime: hrTime(span.start),
    endTime: hrTime(span.end),
    duration: hrTime(Math.max(span.end - span.start, 0)),
    ended: true,
    status:
      span.error === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: span.error },
    attributes: span.error === undefined ? span.attributes : { ...span.attributes, 'error.type': span.error },
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: 'mtscope', version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

const otlpExporter = async ({ tracesProtocol, queue }: Wanted): Promise<SpanExporter> => {
  // Shutdown sends the whole queue in parallel with the current batch: a lower limit would refuse some of it.
  const options = { concurrencyLimit: Math.ceil(queue.spans / queue.batch) + 1 }
  switch (tracesProtocol) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter(options)
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter(options)
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter(options)
  }
}

export type TraceExport = {
  readonly take: (span: Span) => void
  readonly counts: () => SpanCounts
  readonly processors: readonly SpanProcessor[]
}

/** Sends spans in batches to every configured exporter. `take` neither throws nor waits; lost spans are counted. */
export const exportTraces = async (
  wanted: Wanted,
  resource: Resource,
  version: string,
  more: readonly SpanExporter[] = [],
): Promise<TraceExport> => {
  const { BatchSpanProcessor, ConsoleSpanExporter } = await import('@opentelemetry/sdk-trace')
  let exported = 0
  const lost = { queue: 0, export: 0 }

  const queueTo = (exporter: SpanExporter) => {
    let queued = 0
    const counting: SpanExporter = {
      export: (spans, done) => {
        queued -= spans.length
        exporter.export(spans, (result) => {
          if (result.code === 0) exported += spans.length
          else lost.export += spans.length
          done(result)
        })
      },
      shutdown: () => exporter.shutdown(),
    }
    const { queue } = wanted
    const processor = new BatchSpanProcessor({
      exporter: counting,
      maxQueueSize: queue.spans,
      maxExportBatchSize: queue.batch,
      scheduledDelayMillis: queue.delayMs,
      exportTimeoutMillis: queue.timeoutMs,
    })
    const offer = (span: ReadableSpan): void => {
      // The processor does not report how many spans it drops, so it must never have to drop one.
      if (queued >= queue.spans) lost.queue++
      else {
        queued++
        processor.onEnd(span)
      }
    }
    return { processor, offer }
  }

  const named = await Promise.all(
    wanted.traces.map(async (name) =>
      name === 'console' ? new ConsoleSpanExporter() : otlpExporter(wanted),
    ),
  )
  const queues = [...named, ...more].map(queueTo)
  return {
    take: (span) => {
      const sdkSpan = readable(span, resource, version)
      for (const { offer } of queues) offer(sdkSpan)
    },
    counts: () => ({ exported, lost }),
    processors: queues.map(({ processor }) => processor),
  }
}
