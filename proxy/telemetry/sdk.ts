import type { Meter } from '@opentelemetry/api'
import type { IMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics'
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

/**
 * Loads and starts OpenTelemetry: half a second and 45 MB, therefore only once the proxy listens. It reads
 * `process.env` for what is not in `wanted` (endpoints, headers, resource attributes). `warn` gets what it complains of.
 */
export const startSdk = async (wanted: Wanted, about: About, warn: (text: string) => void): Promise<Sdk> => {
  const [api, { NodeSDK }, { PrometheusExporter, PrometheusSerializer }, resources, runtime, host] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-node'),
      import('@opentelemetry/exporter-prometheus'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/instrumentation-runtime-node'),
      import('@opentelemetry/instrumentation-host-metrics'),
    ])
  const quiet = (): void => {}
  api.diag.setLogger(
    { error: warn, warn, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  )

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
  const traces = wanted.traces.length > 0 ? await exportTraces(wanted, resource, about.version) : null
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    metricReaders: [prometheus, ...(await pushingReaders(wanted))],
    spanProcessors: [...(traces?.processors ?? [])],
    logRecordProcessors: [],
    instrumentations: [
      new runtime.RuntimeNodeInstrumentation({ monitoringPrecision: loopPrecisionMs }),
      new host.HostMetricsInstrumentation({ metricGroups: hostGroups }),
    ],
  })
  sdk.start()

  return {
    meter: api.metrics.getMeter('mtscope', about.version),
    exposition: async () => serializer.serialize((await prometheus.collect()).resourceMetrics),
    traces,
    shutdown: () => sdk.shutdown(),
  }
}
