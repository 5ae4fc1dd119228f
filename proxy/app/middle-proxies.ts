import { isTelegrams } from '../datacenter/directory.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { Changeable } from '../relay/settings.ts'
import type { Recording } from './recording.ts'
import type { ProxyOptions } from './running-proxy.ts'

type Middle = Pick<Changeable, 'middleProxies' | 'ourAddress'>

export type MiddleProxyWatch = {
  readonly known: () => Middle
  /** Takes every event of the relay threads: the first client of an unknown datacenter begins the downloads. */
  readonly look: (event: ProxyEvent) => void
}

/** Reads what Telegram publishes about its middle proxies until `signal`. Resolves when it is known, or after some seconds. */
const watch = async (
  { config, logger }: ProxyOptions,
  emit: Recording['emit'],
  signal: AbortSignal,
  known: () => Middle,
  changed: (change: Partial<Middle>) => void,
): Promise<void> => {
  // Loaded only where they are used: they take memory.
  const { watchMiddleProxies } = await import('../middle-proxy/watch.ts')
  const { watchOurAddress } = await import('../middle-proxy/our-address.ts')
  const { probeMiddleProxies } = await import('../middle-proxy/prober.ts')
  void watchOurAddress({ settings: config, signal, changed: (ourAddress) => changed({ ourAddress }) })
  await watchMiddleProxies({
    urls: config.middleProxyUrls,
    dataDir: config.dataDir,
    logger,
    emit,
    now: Date.now,
    signal,
    changed: (middleProxies) => changed({ middleProxies }),
  })
  const intervalMs = config.probeIntervalMs
  if (config.useMiddleProxy && intervalMs > 0)
    void probeMiddleProxies({ known, intervalMs, emit, now: Date.now, signal })
}

const asksForUnknown = (event: ProxyEvent): boolean =>
  event.type === 'handshake.rejected'
    ? event.reason === 'unknown-dc'
    : event.type === 'connections.summarised' && event.refusals.some(({ reason }) => reason === 'unknown-dc')

/**
 * The middle proxies of advertising mode, which the first clients get. Without it they are looked up when a client asks for a
 * datacenter that Telegram's table lacks. Calls `changed` with each part that changes.
 */
export const startMiddleProxies = async (
  options: ProxyOptions,
  { emit }: Pick<Recording, 'emit'>,
  signal: AbortSignal,
  changed: (change: Partial<Middle>) => void,
): Promise<MiddleProxyWatch> => {
  const { config, logger } = options
  let middle: Middle = { middleProxies: null, ourAddress: { ipv4: null, ipv6: null } }
  const change = (part: Partial<Middle>): void => {
    middle = { ...middle, ...part }
    changed(part)
  }
  const known = (): Middle => middle
  const begin = (): Promise<void> => watch(options, emit, signal, known, change)
  if (config.useMiddleProxy) await begin()
  let begun = config.useMiddleProxy || !isTelegrams(config.datacenters)
  const look = (event: ProxyEvent): void => {
    if (begun || !asksForUnknown(event)) return
    begun = true
    const action = 'its middle proxies are looked up in what Telegram publishes'
    logger('info', 'unknown-datacenter', { action })
    begin().catch((error: unknown) => logger('error', 'middle-proxies-failed', { error: String(error) }))
  }
  return { known, look }
}
