import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { findAddress, type LinkAddress } from '../users/public-address.ts'
import type { OurAddress } from './directory.ts'

const AGAIN_MS = 3_600_000
/** Until an address is found. */
const RETRY_MS = 60_000

type Settings = Parameters<typeof findAddress>[0]

const byFamily = ({ host, from }: LinkAddress): OurAddress => {
  const version = from === 'local' ? 0 : isIP(host)
  return { ipv4: version === 4 ? host : null, ipv6: version === 6 ? host : null }
}

/** The address that Telegram sees: PUBLIC_HOST where it is one, else the one found for the links. */
export const ourAddressOf = async (
  settings: Settings,
  signal: AbortSignal,
  find: typeof findAddress = findAddress,
): Promise<OurAddress> => {
  const { publicHost } = settings
  const given = publicHost !== null && isIP(publicHost) > 0
  return byFamily(await find(given ? settings : { ...settings, publicHost: null }, signal))
}

/**
 * Calls `changed` with this host's address as Telegram sees it, and with every other one until `signal`: behind NAT it may
 * change. Never rejects.
 */
export const watchOurAddress = async (options: {
  readonly settings: Settings
  readonly signal: AbortSignal
  changed(address: OurAddress): void
  readonly find?: typeof findAddress
  readonly againMs?: number
  readonly retryMs?: number
}): Promise<void> => {
  const { settings, signal, changed, find, againMs = AGAIN_MS, retryMs = RETRY_MS } = options
  let known: OurAddress = { ipv4: null, ipv6: null }
  while (!signal.aborted) {
    const found = await ourAddressOf(settings, signal, find)
    // A failed look-up does not change the address.
    const next = { ipv4: found.ipv4 ?? known.ipv4, ipv6: found.ipv6 ?? known.ipv6 }
    if (signal.aborted) return
    if (next.ipv4 !== known.ipv4 || next.ipv6 !== known.ipv6) changed(next)
    known = next
    const any = known.ipv4 !== null || known.ipv6 !== null
    await pause(any ? againMs : retryMs, undefined, { signal, ref: false }).catch(() => {})
  }
}
