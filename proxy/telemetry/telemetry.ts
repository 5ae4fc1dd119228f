import { setTimeout as after } from 'node:timers/promises'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { ProxyEvent } from '../events/contract.ts'
import { readOtel, type Wanted } from './environment.ts'
import { foldMetrics } from './metrics.ts'
import { samplerOf } from './sampler.ts'
import { type About, reasonOf, type Sdk, startSdk } from './sdk.ts'
import type { Sources } from './sources.ts'
import { foldSpans } from './spans.ts'

export type Telemetry = {
  /** Counts an event. Synchronous; never throws. */
  readonly fold: (event: ProxyEvent) => void
  /** The text of `/metrics`. Never rejects. */
  readonly exposition: () => Promise<{ contentType: string; body: string }>
  /** Resolves when events are counted, or when it is certain that they will not be. */
  readonly ready: Promise<void>
  /** Sends what is queued; takes three seconds at most. */
  readonly stop: () => Promise<void>
}

/** Codes of log lines: a wrong `OTEL_*` setting, a start that failed, an export that fails. */
export type Problem = 'otel-setting-invalid' | 'otel-not-started' | 'otel-failing'
type Warn = (
  problem: Problem,
  fields: { readonly reason: string; readonly suppressed?: number; readonly hint?: string },
) => void

type Options = About & {
  readonly env: NodeJS.ProcessEnv
  readonly warn: Warn
  readonly sources?: Sources
  readonly listening?: Promise<unknown>
  /** Exporters of spans in addition to those of `OTEL_*`. */
  readonly spansTo?: readonly SpanExporter[]
}

type Fold = (event: ProxyEvent) => void

const contentType = 'text/plain; version=0.0.4; charset=utf-8'
const waitingEvents = 50_000
const stopMs = 3_000
const warningEveryMs = 60_000

/** Reports one failure of the SDK per minute at most, with the number of suppressed ones. */
const sparingly = (warn: Warn): ((reason: string) => void) => {
  let next = 0
  let suppressed = 0
  return (reason) => {
    const now = performance.now()
    if (now < next) return void suppressed++
    next = now + warningEveryMs
    warn('otel-failing', { reason: reason.slice(0, 200), ...(suppressed > 0 ? { suppressed } : {}) })
    suppressed = 0
  }
}

const disabled: Telemetry = {
  fold: () => {},
  exposition: async () => ({
    contentType,
    body: '# OTEL_SDK_DISABLED=true: this process counts no metrics\n',
  }),
  ready: Promise.resolve(),
  stop: async () => {},
}

/** Starts the SDK and the folds that feed it. */
const load = async (
  options: Options,
  wanted: Wanted,
  warn: (reason: string) => void,
): Promise<{ readonly sdk: Sdk; readonly fold: Fold }> => {
  const { env, sources = {} } = options
  // The SDK reads process.env only, and OTEL_* may stand in a .env file.
  for (const [name, value] of Object.entries(env)) if (name.startsWith('OTEL_')) process.env[name] ??= value
  const sdk = await startSdk(wanted, options, warn, options.spansTo)
  const { meter, traces } = sdk
  const count = foldMetrics(meter, options, traces ? { ...sources, spans: traces.counts } : sources)
  if (traces === null) return { sdk, fold: count }
  const trace = foldSpans(samplerOf(env), traces.take)
  return {
    sdk,
    fold: (event) => {
      count(event)
      trace(event)
    },
  }
}

/** Scrapes at the same time share one reading: some rates are divided by the time since the last one. */
const shareReadings = (read: () => Promise<string>): (() => Promise<string>) => {
  let reading: Promise<string> | null = null
  return () => {
    reading ??= read().finally(() => {
      reading = null
    })
    return reading
  }
}

/**
 * Folds the same events into metrics and spans. OpenTelemetry is loaded once `listening` has resolved, so that no client
 * waits for it; earlier events wait in memory, 50,000 at most. With `OTEL_SDK_DISABLED=true` nothing is loaded.
 */
export const startTelemetry = (options: Options): Telemetry => {
  const wanted = readOtel(options.env)
  if (wanted.disabled) return disabled
  const warn = sparingly(options.warn)
  for (const reason of wanted.mistakes) options.warn('otel-setting-invalid', { reason })

  let sdk: Sdk | null = null
  let waiting: ProxyEvent[] | null = []
  let fold: Fold = (event) => {
    if (waiting !== null && waiting.length < waitingEvents) waiting.push(event)
  }

  const stopping = new AbortController()
  let loading = false
  const start = async (): Promise<void> => {
    const listens = await Promise.resolve(options.listening).then(
      () => true,
      () => false,
    )
    if (!listens || stopping.signal.aborted) return
    loading = true
    const loaded = await load(options, wanted, warn)
    sdk = loaded.sdk
    fold = loaded.fold
    for (const event of waiting ?? []) fold(event)
    waiting = null
  }
  const ready = start().catch((error: unknown) => {
    fold = () => {}
    waiting = null
    const hint = 'this process exports no metrics and spans: correct OTEL_* and restart it'
    options.warn('otel-not-started', { reason: reasonOf(error), hint })
  })

  const read = shareReadings(() => sdk?.exposition() ?? Promise.resolve('# OpenTelemetry is not loaded\n'))
  const stop = async (): Promise<void> => {
    stopping.abort()
    if (!loading) return
    const patience = new AbortController()
    const flushed = ready.then(() => sdk?.shutdown()).catch((error: unknown) => warn(reasonOf(error)))
    await Promise.race([flushed, after(stopMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
  }
  return {
    fold: (event) => fold(event),
    exposition: async () => ({
      contentType,
      body: await read().catch(() => '# OpenTelemetry could not be read\n'),
    }),
    ready,
    stop,
  }
}
