import type { Meter } from '@opentelemetry/api'
import type { IMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Wanted } from './environment.ts'
import { exportTraces, type TraceExport } from './trace-export.ts'

export type Sdk = {
  readonly meter: Meter
  /** Prometheus' text format 0.0.4. */
  readonly exposition: () => Promise<string>
  /** Null when spans go nowhere. */
  readonly traces: TraceExport | null
  readonly shutdown: () => Promise<void>
}

export type About = { readonly version: string; readonly node: string }

/** Event-loop delay of the main thread by a timer: 10 ms would cost 0.35 % of a core for ever, 20 ms two thirds of it. */
const loopPrecisionMs = 20

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

/** What an exporter failed of, in few words: an unreachable backend is an AggregateError without any message. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return [code, error.message].filter((part) => part !== '').join(': ') || error.name
}

/**
 * Loads and starts OpenTelemetry: half a second and 45 MB, therefore only once the proxy listens. It reads
 * `process.env` for what is not in `wanted` (endpoints, headers, resource attributes). `warn` gets what it complains of.
 */
export const startSdk = async (
  wanted: Wanted,
  about: About,
  warn: (text: string) => void,
  spansTo: readonly SpanExporter[] = [],
): Promise<Sdk> => {
  const [
    api,
    { setGlobalErrorHandler },
    { NodeSDK },
    { PrometheusExporter, PrometheusSerializer },
    resources,
    runtime,
    host,
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-prometheus'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/instrumentation-runtime-node'),
    import('@opentelemetry/instrumentation-host-metrics'),
  ])
  const quiet = (): void => {}
  // With OTEL_LOG_LEVEL the SDK says everything to the console by itself.
  if (!process.env.OTEL_LOG_LEVEL) {
    const logger = { error: warn, warn, info: quiet, debug: quiet, verbose: quiet }
    api.diag.setLogger(logger, { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true })
  }
  // The SDK's own handler says the whole stack.
  setGlobalErrorHandler((error) => warn(reasonOf(error)))

  // No detectors of host or process: they would publish the machine's id and the command line.
  const resource = resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        'service.name': 'mtscope',
        'service.version': about.version,
        'service.instance.id': about.node,
      }),
    )
    .merge(resources.detectResources({ detectors: [resources.envDetector] }))

  const prometheus = new PrometheusExporter({ preventServerStart: true })
  const serializer = new PrometheusSerializer('', false, undefined, false, true)
  const traces =
    wanted.traces.length + spansTo.length > 0
      ? await exportTraces(wanted, resource, about.version, spansTo)
      : null
  const instrumentations = [
    new runtime.RuntimeNodeInstrumentation({ monitoringPrecision: loopPrecisionMs }),
    new host.HostMetricsInstrumentation({ metricGroups: hostGroups }),
  ]
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
      // At once, however long flushing takes: this process may start the SDK again.
      for (const part of [api.metrics, api.trace, api.logs, api.context, api.propagation]) part.disable()
      await flushed.finally(() => {
        for (const instrumentation of instrumentations) instrumentation.disable()
      })
    },
  }
}
