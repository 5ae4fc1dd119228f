import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Address, addressOf } from '../datacenter/directory.ts'
import { type LookUp, lookUpAll } from '../datacenter/resolve.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import type { Logger } from '../logger/logger.ts'
import { type FlightError, type MeasuredFlight, measureFlight } from './measure.ts'

const REFRESH_MS = 15 * 60_000
/** Sooner while the masking host has not answered yet. */
const RETRY_MS = 30_000
const MEASURE_MS = 10_000
const PATIENCE_MS = 3_000

/** Under which the log keeps what was measured. */
export const flightName = 'masking-flight'

/** What an earlier run has measured; null when there is nothing to be read. */
export const keptFlight = (log: Pick<LocalLog, 'loadSnapshot'>): MeasuredFlight | null => {
  try {
    const kept = log.loadSnapshot(flightName)
    const flight = kept === null ? null : (JSON.parse(Buffer.from(kept.value).toString()) as MeasuredFlight)
    // Earlier versions kept no table of suites.
    return Array.isArray(flight?.suites) ? flight : null
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

/** What an ordinary TLS client agrees on with a site, as `TLSv1.2`; null when it does not get through. */
const protocolOf = async (
  host: string,
  port: number,
  name: string,
  signal: AbortSignal,
): Promise<string | null> => {
  // Few need it, and it takes memory.
  const { shakeHands } = await import('./tls-handshake.ts')
  const shaken = await shakeHands({ host, port, name, timeoutMs: MEASURE_MS, signal })
  return shaken.ok ? shaken.protocol : null
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
  logger: Logger
  changed(change: { mask?: Address | null; flight?: MeasuredFlight }): void
  /** Between two looks, ms. */
  refreshMs?: number
  retryMs?: number
  lookUp?: LookUp
}): {
  known: Promise<void>
  /** Whether strangers are shown it: it answered the last time; null until it was looked at. */
  up(): boolean | null
  stop(): void
} => {
  const { host, port, name, ourselves, logger, changed } = options
  const { refreshMs = REFRESH_MS, retryMs = RETRY_MS, lookUp = lookUpAll } = options
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let known: string | null = null
  let complaint: string | null = null
  let ours = false
  let up: boolean | null = null
  let measured: MeasuredFlight | null = null
  const looked = Promise.withResolvers<void>()

  // A start does not wait for long: with a slow masking host the first answers are the usual ones.
  const patience = setTimeout(looked.resolve, PATIENCE_MS)

  const use = (address: Address): void => {
    if (address.host === known) return
    known = address.host
    changed({ mask: address })
  }
  const done = (answers: boolean): void => {
    up = answers
    clearTimeout(patience)
    looked.resolve()
    timer = setTimeout(look, answers ? refreshMs : retryMs).unref()
  }

  /** The first address that is reached is taken: a host with an IPv6 address may be without any way to another's. */
  const measure = async (addresses: readonly Address[]): ReturnType<typeof measureFlight> => {
    let error: FlightError = 'unreachable'
    for (const address of addresses) {
      const flight = await measureFlight({
        host: address.host,
        port,
        name,
        timeoutMs: MEASURE_MS,
        signal: stopping.signal,
        known: measured,
      })
      if (stopping.signal.aborted) return flight
      if (!('error' in flight) || flight.error === 'not-tls13') {
        use(address)
        return flight
      }
      error = flight.error
    }
    if (addresses[0] && !addresses.some(({ host }) => host === known)) use(addresses[0])
    return { error }
  }

  /** Once for each kind of trouble. */
  const complain = (error: FlightError, protocol: string | null): void => {
    const [message, hint] =
      protocol === null
        ? (['masking-host-away', undefined] as const)
        : protocol === 'TLSv1.3'
          ? ([
              'masking-host-unmeasured',
              'its answer cannot be imitated: write another TLS_DOMAIN or MASK_HOST',
            ] as const)
          : ([
              'masking-host-old-tls',
              `the site has ${protocol} only, and fake TLS looks like TLS 1.3: write a TLS_DOMAIN or MASK_HOST that has it`,
            ] as const)
    if (complaint === message) return
    complaint = message
    const using = (measured ?? options.kept) ? 'the last known answer' : 'a usual answer'
    logger('warn', message, { MASK_HOST: host, port, error: protocol ?? error, using, hint })
  }

  const look = async (): Promise<void> => {
    const [found, reported] = await Promise.all([lookUp(host), ourselves.publicHost])
    if (stopping.signal.aborted) return
    const addresses = found
      .map((at) => addressOf(at, port))
      // A PUBLIC_HOST that is a name is where that name leads to.
      .filter((at) => !isOurselves(at, { ...ourselves, publicHost: host === reported ? at.host : reported }))
      .sort((a, b) => Number(b.host === known) - Number(a.host === known))
    if (found.length > 0 && addresses.length === 0) {
      if (!ours) {
        logger('error', 'masking-host-is-this-proxy', {
          MASK_HOST: host,
          address: found[0],
          port,
          hint: 'strangers are not answered',
        })
        changed({ mask: null })
      }
      ours = true
      known = null
      done(false)
      return
    }
    if (known === null && addresses[0]) use(addresses[0])
    if (options.kept) looked.resolve()
    const flight = await measure(addresses)
    if (stopping.signal.aborted) return
    let reached: boolean
    if ('error' in flight) {
      const protocol =
        flight.error === 'not-tls13' ? await protocolOf(host, port, name, stopping.signal) : null
      if (stopping.signal.aborted) return
      complain(flight.error, protocol)
      reached = protocol !== null
    } else {
      if (complaint !== null || ours) logger('info', 'masking-host-back', { MASK_HOST: host, port })
      complaint = null
      reached = true
      measured = flight
      changed({ flight })
    }
    if (addresses.length > 0) ours = false
    done(reached)
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
