import type { Meter } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { IMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Wanted } from './environment.ts'
import { exportTraces, type TraceExport } from './trace-export.ts'

export type Sdk = {
  readonly meter: Meter
  /** Prometheus' text format 0.0.4. */
  readonly exposition: () => Promise<string>
  /** Null when no exporter takes spans. */
  readonly traces: TraceExport | null
  readonly shutdown: () => Promise<void>
}

export type About = { readonly version: string; readonly node: string }

/**
 * Silences `nodejs_eventloop_delay_*`, which needs five ticks of its timer between two scrapes: at 20 ms the timer is half of
 * all wake-ups of an idle process, and reads as its own interval. `mtscope_event_loop_delay_seconds` has the delay.
 */
const loopPrecisionMs = 86_400_000

// Not system.network: it starts a shell for every figure of every interface at every scrape.
const hostGroups = ['system.cpu', 'system.memory', 'process.cpu', 'process.memory']

const metricExporter = async ({ metricsProtocol }: Wanted): Promise<PushMetricExporter> => {
  switch (metricsProtocol) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter()
    case 'http/json':
      return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter()
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter()
  }
}

const pushingReaders = async (wanted: Wanted): Promise<IMetricReader[]> => {
  const { ConsoleMetricExporter, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics')
  return Promise.all(
    wanted.metrics.map(
      async (name) =>
        new PeriodicExportingMetricReader({
          exporter: name === 'console' ? new ConsoleMetricExporter() : await metricExporter(wanted),
          exportIntervalMillis: wanted.metricsEveryMs,
          exportTimeoutMillis: Math.min(30_000, wanted.metricsEveryMs),
        }),
    ),
  )
}

/** Code and message of an error, or its name: that of an unreachable backend is an AggregateError without a message. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return [code, error.message].filter((part) => part !== '').join(': ') || error.name
}

const quiet = (): void => {}

/** Sends the SDK's warnings and errors to `warn`. With OTEL_LOG_LEVEL the SDK writes to the console by itself. */
const redirectDiagnostics = async (warn: (text: string) => void): Promise<void> => {
  const [{ diag, DiagLogLevel }, { setGlobalErrorHandler }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
  ])
  if (!process.env.OTEL_LOG_LEVEL) {
    const logger = { error: warn, warn, info: quiet, debug: quiet, verbose: quiet }
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  }
  // The SDK's own handler prints the whole stack.
  setGlobalErrorHandler((error) => warn(reasonOf(error)))
}

/** Ours, with OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES on top. */
const resourceOf = async (about: About): Promise<Resource> => {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  )
  const ours = resourceFromAttributes({
    'service.name': 'mtscope',
    'service.version': about.version,
    'service.instance.id': about.node,
  })
  // No detectors of host or process: they would publish the machine's id and the command line.
  return defaultResource()
    .merge(ours)
    .merge(detectResources({ detectors: [envDetector] }))
}

const instrumentationsOf = async () => {
  const [{ RuntimeNodeInstrumentation }, { HostMetricsInstrumentation }] = await Promise.all([
    import('@opentelemetry/instrumentation-runtime-node'),
    import('@opentelemetry/instrumentation-host-metrics'),
  ])
  return [
    new RuntimeNodeInstrumentation({ monitoringPrecision: loopPrecisionMs }),
    new HostMetricsInstrumentation({ metricGroups: hostGroups }),
  ]
}

/**
 * Loads and starts OpenTelemetry. That takes half a second and 45 MB: call it once the proxy listens. The SDK reads what
 * `wanted` lacks (endpoints, headers, resource attributes) from `process.env`. `warn` gets its warnings and errors.
 */
export const startSdk = async (
  wanted: Wanted,
  about: About,
  warn: (text: string) => void,
  spansTo: readonly SpanExporter[] = [],
): Promise<Sdk> => {
  const [api, { NodeSDK }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-prometheus'),
  ])
  await redirectDiagnostics(warn)
  const resource = await resourceOf(about)
  const prometheus = new PrometheusExporter({ preventServerStart: true })
  const serializer = new PrometheusSerializer('', false, undefined, false, true)
  const traced = wanted.traces.length + spansTo.length > 0
  const traces = traced ? await exportTraces(wanted, resource, about.version, spansTo) : null
  const instrumentations = await instrumentationsOf()
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    metricReaders: [prometheus, ...(await pushingReaders(wanted))],
    spanProcessors: [...(traces?.processors ?? [])],
    logRecordProcessors: [],
    instrumentations,
  })
  sdk.start()

  return {
    meter: api.metrics.getMeter('mtscope', about.version),
    exposition: async () => serializer.serialize((await prometheus.collect()).resourceMetrics),
    traces,
    shutdown: async () => {
      const flushed = sdk.shutdown()
      // Before the flush has ended, however long it takes: this process may start the SDK again.
      for (const part of [api.metrics, api.trace, api.logs, api.context, api.propagation]) part.disable()
      await flushed.finally(() => {
        for (const instrumentation of instrumentations) instrumentation.disable()
      })
    },
  }
}
