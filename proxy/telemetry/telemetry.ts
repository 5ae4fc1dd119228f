import { setTimeout as after } from 'node:timers/promises'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { ProxyEvent } from '../events/contract.ts'
import { readOtel } from './environment.ts'
import { foldMetrics } from './metrics.ts'
import { samplerOf } from './sampler.ts'
import { type About, reasonOf, type Sdk, startSdk } from './sdk.ts'
import type { Sources } from './sources.ts'
import { foldSpans } from './spans.ts'

export type Telemetry = {
  /** Takes a fact, at once and without failing. */
  readonly fold: (event: ProxyEvent) => void
  /** For `/metrics`. Never fails. */
  readonly exposition: () => Promise<{ contentType: string; body: string }>
  /** Resolves when metrics are counted, or never will be. */
  readonly ready: Promise<void>
  /** Sends what is queued, for three seconds at most. */
  readonly stop: () => Promise<void>
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8'
const waitingEvents = 50_000
const stopMs = 3_000
const complaintEveryMs = 60_000

/** Says at most one complaint a minute, and how many it kept to itself. */
const sparingly = (logger: (text: string) => void): ((text: string) => void) => {
  let next = 0
  let kept = 0
  return (text) => {
    const now = performance.now()
    if (now < next) return void kept++
    next = now + complaintEveryMs
    logger(`${text.slice(0, 200)}${kept > 0 ? ` (and ${kept} more)` : ''}`)
    kept = 0
  }
}

/**
 * Metrics and spans as folds over the same facts. OpenTelemetry is loaded once `listening` has resolved, so that no
 * client waits for it; facts of before are kept and folded then. `OTEL_SDK_DISABLED=true` loads nothing.
 */
export const startTelemetry = (
  options: About & {
    readonly env: NodeJS.ProcessEnv
    readonly warn: (text: string) => void
    readonly sources?: Sources
    readonly listening?: Promise<unknown>
    /** Where spans go besides what `OTEL_*` says. */
    readonly spansTo?: readonly SpanExporter[]
  },
): Telemetry => {
  const { env, sources = {} } = options
  const wanted = readOtel(env)
  const warn = sparingly(options.warn)
  if (wanted.disabled) {
    const body = '# OTEL_SDK_DISABLED=true: this process counts no metrics\n'
    return {
      fold: () => {},
      exposition: async () => ({ contentType, body }),
      ready: Promise.resolve(),
      stop: async () => {},
    }
  }
  if (wanted.mistakes.length > 0) warn(wanted.mistakes.join('; '))

  let sdk: Sdk | null = null
  let waiting: ProxyEvent[] | null = []
  let fold = (event: ProxyEvent): void => {
    if (waiting !== null && waiting.length < waitingEvents) waiting.push(event)
  }

  const stopping = new AbortController()
  let loading = false
  const load = async (): Promise<void> => {
    const listens = await Promise.resolve(options.listening).then(
      () => true,
      () => false,
    )
    if (!listens || stopping.signal.aborted) return
    loading = true
    // The SDK reads process.env alone; what a .env file says must be there.
    for (const [name, value] of Object.entries(env)) if (name.startsWith('OTEL_')) process.env[name] ??= value
    sdk = await startSdk(wanted, options, warn, options.spansTo)
    const { meter, traces } = sdk
    const count = foldMetrics(meter, options, traces ? { ...sources, spans: traces.counts } : sources)
    const trace = traces ? foldSpans(samplerOf(env), traces.take) : null
    fold = trace
      ? (event) => {
          count(event)
          trace(event)
        }
      : count
    for (const event of waiting ?? []) fold(event)
    waiting = null
  }
  const ready = load().catch((error: unknown) => {
    fold = () => {}
    waiting = null
    options.warn(`OpenTelemetry did not start: ${reasonOf(error)}`)
  })

  // Scrapes at the same time share one reading: rates since the last one would be divided by no time at all.
  let reading: Promise<string> | null = null
  const exposition = async () => {
    if (sdk === null) return { contentType, body: '# OpenTelemetry is not loaded\n' }
    reading ??= sdk.exposition().finally(() => {
      reading = null
    })
    return { contentType, body: await reading.catch(() => '# OpenTelemetry could not be read\n') }
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    if (!loading) return
    const patience = new AbortController()
    const flushed = ready.then(() => sdk?.shutdown()).catch((error: unknown) => warn(reasonOf(error)))
    await Promise.race([flushed, after(stopMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
  }

  return { fold: (event) => fold(event), exposition, ready, stop }
}
