import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Address, addressOf } from './datacenter/directory.ts'
import type { LocalLog } from './log/local.ts'
import { type MeasuredFlight, measureFlight } from './relay/flight.ts'
import type { Say } from './say.ts'

const REFRESH_MS = 15 * 60_000
/** Sooner while the masking host has not answered yet. */
const RETRY_MS = 30_000
const MEASURE_MS = 10_000
const PATIENCE_MS = 3_000

const resolve = async (host: string): Promise<Address['host'] | null> => {
  if (isIP(host) > 0) return host
  try {
    return (await lookup(host)).address
  } catch {
    return null
  }
}

/** Under which the log keeps what was measured. */
export const flightName = 'masking-flight'

/** What an earlier run has measured; null when there is nothing to be read. */
export const keptFlight = (log: LocalLog): MeasuredFlight | null => {
  try {
    const kept = log.loadSnapshot(flightName)
    return kept === null ? null : (JSON.parse(Buffer.from(kept.value).toString()) as MeasuredFlight)
  } catch {
    return null
  }
}

export type Ourselves = {
  /** Where we listen, on every address of this machine. */
  readonly port: number
  /** What clients are told; its port is only ours there. */
  readonly publicHost: string | null
  readonly publicPort: number | null
}

/** Whether that address is where we listen ourselves: a stranger would go round for ever. */
export const isOurselves = ({ host, port }: Address, ourselves: Ourselves): boolean => {
  const ours = new BlockList()
  const add = (address: string): void => {
    if (isIP(address) > 0) ours.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  if (port === ourselves.port || port === ourselves.publicPort) add(ourselves.publicHost ?? '')
  if (port === ourselves.port) {
    ours.addSubnet('127.0.0.0', 8, 'ipv4')
    for (const address of ['0.0.0.0', '::', '::1']) add(address)
    for (const all of Object.values(networkInterfaces())) for (const { address } of all ?? []) add(address)
  }
  return ours.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Keeps the masking host's address and the shape of its TLS answer up to date. What was known stays in use while the
 * host is away. `kept` is what an earlier run has measured.
 */
export const watchMasking = (options: {
  host: string
  port: number
  name: string
  /** Its public host may still be looked for: no stranger is sent anywhere before it is known. */
  ourselves: Omit<Ourselves, 'publicHost'> & { readonly publicHost: string | null | Promise<string> }
  kept: MeasuredFlight | null
  say: Say
  changed(change: { mask?: Address | null; flight?: MeasuredFlight }): void
  /** Between two looks, ms. */
  refreshMs?: number
  retryMs?: number
}): {
  known: Promise<void>
  /** Whether strangers are shown it: it answered the last time; null until it was looked at. */
  up(): boolean | null
  stop(): void
} => {
  const { host, port, name, ourselves, say, changed, refreshMs = REFRESH_MS, retryMs = RETRY_MS } = options
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let known: string | null = null
  let away = false
  let up: boolean | null = null
  let measured = options.kept !== null
  const looked = Promise.withResolvers<void>()

  // A start does not wait for long: with a slow masking host the first answers are the usual ones.
  const patience = setTimeout(looked.resolve, PATIENCE_MS)

  const look = async (): Promise<void> => {
    const [found, told] = await Promise.all([resolve(host), ourselves.publicHost])
    if (stopping.signal.aborted) return
    const address = found === null ? null : addressOf(found, port)
    // A PUBLIC_HOST that is a name is where that name leads to.
    const publicHost = host === told ? found : told
    if (address !== null && isOurselves(address, { ...ourselves, publicHost })) {
      say('error', 'masking-host-is-this-proxy', {
        MASK_HOST: host,
        address: found,
        port,
        hint: 'strangers are not answered',
      })
      changed({ mask: null })
      up = false
      clearTimeout(patience)
      looked.resolve()
      return
    }
    if (address !== null && found !== known) {
      known = found
      changed({ mask: address })
    }
    if (options.kept) looked.resolve()
    const flight =
      address === null
        ? ({ error: 'unreachable' } as const)
        : await measureFlight({
            host: address.host,
            port,
            name,
            timeoutMs: MEASURE_MS,
            signal: stopping.signal,
          })
    if (stopping.signal.aborted) return
    if ('error' in flight) {
      if (!away) {
        say('warn', 'masking-host-away', {
          MASK_HOST: host,
          port,
          error: flight.error,
          using: measured ? 'the last known answer' : 'a usual answer',
        })
      }
    } else {
      if (away) say('info', 'masking-host-back', { MASK_HOST: host, port })
      measured = true
      changed({ flight })
    }
    away = 'error' in flight
    up = !away
    clearTimeout(patience)
    looked.resolve()
    timer = setTimeout(look, away ? retryMs : refreshMs).unref()
  }

  if (options.kept) changed({ flight: options.kept })
  look()
  return {
    known: looked.promise,
    up: () => up,
    stop: () => {
      clearTimeout(timer)
      clearTimeout(patience)
      looked.resolve()
      stopping.abort()
    },
  }
}
