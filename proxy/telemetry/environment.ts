/** Where spans or metrics go in addition to `/metrics`. */
export type Exporter = 'otlp' | 'console'
export type Protocol = 'grpc' | 'http/json' | 'http/protobuf'

/** The settings `OTEL_*`. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export type Wanted = {
  readonly disabled: boolean
  /** Empty: no span is made. */
  readonly traces: readonly Exporter[]
  readonly metrics: readonly Exporter[]
  readonly tracesProtocol: Protocol
  readonly metricsProtocol: Protocol
  readonly queue: {
    readonly spans: number
    readonly batch: number
    readonly delayMs: number
    readonly timeoutMs: number
  }
  readonly metricsEveryMs: number
  /** One sentence for each setting with an unknown value; such a setting counts as unset. */
  readonly mistakes: readonly string[]
}

const exporters: readonly string[] = ['otlp', 'console'] satisfies Exporter[]
const protocols: readonly string[] = ['grpc', 'http/json', 'http/protobuf'] satisfies Protocol[]

const unsupported = (name: string, value: string, supported: readonly string[]): string =>
  `${name}=${value} is not supported: use ${supported.join(', ')}`

/**
 * Reads the environment. Two defaults differ from the specification: spans go nowhere until an endpoint or an exporter is
 * set, and `/metrics` always has the metrics, so that `OTEL_METRICS_EXPORTER` only adds to it.
 */
export const readOtel = (env: NodeJS.ProcessEnv): Wanted => {
  const mistakes: string[] = []
  const setting = (name: string): string | undefined => env[name]?.trim() || undefined

  const number = (name: string, fallback: number): number => {
    const text = setting(name)
    const value = Number(text ?? fallback)
    if (Number.isFinite(value) && value > 0) return value
    mistakes.push(`${name}=${text} is not a positive number; ${fallback} is used`)
    return fallback
  }

  const list = (
    name: string,
    known: readonly string[],
    alsoKnown: readonly string[],
  ): Exporter[] | undefined => {
    const names = setting(name)
      ?.split(',')
      .map((part) => part.trim())
    for (const part of names ?? []) {
      if (!known.includes(part) && !alsoKnown.includes(part))
        mistakes.push(unsupported(name, part, [...known, ...alsoKnown]))
    }
    return names?.includes('none') ? [] : names?.filter((part): part is Exporter => known.includes(part))
  }

  const protocol = (signal: 'TRACES' | 'METRICS'): Protocol => {
    const own = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`
    const name = setting(own) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : own
    const text = setting(name) ?? 'http/protobuf'
    if (protocols.includes(text)) return text as Protocol
    mistakes.push(unsupported(name, text, protocols))
    return 'http/protobuf'
  }

  const endpoint = setting('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? setting('OTEL_EXPORTER_OTLP_ENDPOINT')
  const spans = number('OTEL_BSP_MAX_QUEUE_SIZE', 65_536)
  return {
    disabled: setting('OTEL_SDK_DISABLED')?.toLowerCase() === 'true',
    traces: list('OTEL_TRACES_EXPORTER', exporters, ['none']) ?? (endpoint === undefined ? [] : ['otlp']),
    metrics: list('OTEL_METRICS_EXPORTER', exporters, ['none', 'prometheus']) ?? [],
    tracesProtocol: protocol('TRACES'),
    metricsProtocol: protocol('METRICS'),
    queue: {
      spans,
      batch: Math.min(number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512), spans),
      delayMs: number('OTEL_BSP_SCHEDULE_DELAY', 5_000),
      timeoutMs: number('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    metricsEveryMs: number('OTEL_METRIC_EXPORT_INTERVAL', 60_000),
    mistakes: [...new Set(mistakes)],
  }
}
