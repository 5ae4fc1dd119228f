import { type LocalLog, openLog } from '../event-log/event-log.ts'
import { encodeEvents } from '../events/codec.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { watchKernel } from '../host/kernel.ts'
import { startTelemetry } from '../telemetry/telemetry.ts'
import type { Extension, ProxyOptions } from './running-proxy.ts'
import type { Shipping } from './shipping.ts'
import type { UserLimitsInForce } from './user-limits.ts'

type Sources = NonNullable<Parameters<typeof startTelemetry>[0]['sources']>

/** Sources that telemetry reads at a scrape, and that start after it. */
export type LaterSources = Required<
  Pick<Sources, 'users' | 'pooledConnections' | 'masking' | 'doctor' | 'httpRefusals'>
>

export type Claims = ReturnType<typeof import('../replay-cache/connect.ts').connectClaims>

export type Recording = {
  readonly log: LocalLog
  readonly emit: (...events: ProxyEvent[]) => void
  readonly extension: Extension | undefined
  readonly claims: Claims | null
  readonly telemetry: ReturnType<typeof startTelemetry>
}

const openEventLog = ({ config, logger }: ProxyOptions): LocalLog =>
  openLog({
    dataDir: config.dataDir,
    node: config.node,
    maxBytes: config.logMaxBytes,
    // Kafka keeps what was shipped.
    maxAgeMs: config.kafka === null ? config.logMaxAgeMs : 0,
    now: Date.now,
    report: (damage) =>
      logger('warn', 'event-log-damaged', {
        ...damage,
        hint: 'a new event log was started: check the disk, and keep or remove the damaged file',
      }),
  })

// Kafka and Redis are loaded only by those who use them: both take memory.
const shippingOf = async ({ config, logger }: ProxyOptions, log: LocalLog): Promise<Shipping | null> =>
  config.kafka === null
    ? null
    : (await import('./shipping.ts')).startShipping(config.kafka, config.node, log, logger)

const claimsOf = async (
  { config, logger }: ProxyOptions,
  limits: UserLimitsInForce,
): Promise<Claims | null> =>
  config.redis === null
    ? null
    : (await import('../replay-cache/connect.ts')).connectClaims(config.redis, config, logger, limits)

/**
 * Opens the event log and starts its readers: the extension, shipping to Kafka, telemetry. Registers them on `stack`;
 * telemetry and shipping stop together, since the last spans are shipped.
 */
export const startRecording = async (
  options: ProxyOptions,
  limits: UserLimitsInForce,
  later: LaterSources,
  listening: Promise<void>,
  stack: AsyncDisposableStack,
): Promise<Recording> => {
  const log = openEventLog(options)
  stack.defer(() => log.close())
  const shipping = await shippingOf(options, log)
  const claims = await claimsOf(options, limits)
  const extension = await options.extend?.(log)
  stack.defer(async () => extension?.stop())
  const telemetry = startTelemetry({
    version: options.version,
    node: options.config.node,
    env: options.env,
    warn: (problem, fields) => options.logger('warn', problem, fields),
    sources: {
      ...later,
      logBytes: () => log.stats.bytes,
      kernel: watchKernel(),
      claims: claims?.counts ?? null,
      userLeases: claims?.leaseCounts ?? null,
      redisRefusals: claims?.refusals ?? null,
      shipping,
    },
    listening,
    spansTo: shipping?.spans ? [shipping.spans] : [],
  })
  stack.defer(async () => {
    const traced = telemetry.stop()
    await Promise.all([traced, shipping?.stop(traced)])
  })
  // New events only: earlier processes counted the past.
  const counting = log.tail(Number.MAX_SAFE_INTEGER, ({ events }) => {
    for (const event of events) telemetry.fold(event)
  })
  stack.defer(() => counting.stop())
  stack.defer(() => claims?.close())
  await counting.caughtUp
  const emit = (...events: ProxyEvent[]): void => {
    log.append(encodeEvents(events), events)
  }
  return { log, emit, extension, claims, telemetry }
}
