import type { Changeable } from '../relay/settings.ts'
import type { Recording } from './recording.ts'
import type { ProxyOptions } from './running-proxy.ts'

type Middle = Pick<Changeable, 'middleProxies' | 'ourAddress'>

/**
 * Reads what Telegram publishes about its middle proxies, and calls `changed` with each part that changes. Waits a bounded time,
 * so that the first clients get them. Returns what is known.
 */
export const startMiddleProxies = async (
  { config, logger }: ProxyOptions,
  { emit }: Pick<Recording, 'emit'>,
  signal: AbortSignal,
  changed: (change: Partial<Middle>) => void,
): Promise<() => Middle> => {
  let middle: Middle = { middleProxies: null, ourAddress: { ipv4: null, ipv6: null } }
  if (!config.useMiddleProxy) return () => middle
  const change = (part: Partial<Middle>): void => {
    middle = { ...middle, ...part }
    changed(part)
  }
  // Loaded only where they are used: they take memory.
  const { watchMiddleProxies } = await import('../middle-proxy/watch.ts')
  const { watchOurAddress } = await import('../middle-proxy/our-address.ts')
  const { probeMiddleProxies } = await import('../middle-proxy/prober.ts')
  void watchOurAddress({ settings: config, signal, changed: (ourAddress) => change({ ourAddress }) })
  await watchMiddleProxies({
    urls: config.middleProxyUrls,
    dataDir: config.dataDir,
    logger,
    emit,
    now: Date.now,
    signal,
    changed: (middleProxies) => change({ middleProxies }),
  })
  const intervalMs = config.probeIntervalMs
  if (intervalMs > 0)
    void probeMiddleProxies({ known: () => middle, intervalMs, emit, now: Date.now, signal })
  return () => middle
}
