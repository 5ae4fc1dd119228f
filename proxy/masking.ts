import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Address, Directory } from './datacenter/directory.ts'
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

const families = { 4: 'ipv4', 6: 'ipv6' } as const

const addressOf = (host: string, port: number): Address => ({
  host,
  port,
  family: families[isIP(host) === 6 ? 6 : 4],
})

/** The relay dials addresses only: names are looked up here, in the main thread. A name that fails is left out. */
export const resolved = async (directory: Directory): Promise<Directory> =>
  new Map(
    await Promise.all(
      [...directory].map(async ([id, addresses]): Promise<[number, Address[]]> => {
        const found = await Promise.all(addresses.map(({ host }) => resolve(host)))
        return [id, addresses.flatMap(({ port }, i) => (found[i] ? [addressOf(found[i], port)] : []))]
      }),
    ),
  )

/** Whether that address is where we listen ourselves: a stranger would go round for ever. */
export const isOurselves = (address: Address, port: number, publicHost: string | null): boolean => {
  if (address.port !== port) return false
  const { host } = address
  if (host === publicHost || host === '::1' || host.startsWith('127.') || host === '0.0.0.0' || host === '::')
    return true
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === host))
}

/**
 * Keeps the masking host's address and the shape of its TLS answer up to date. What was known stays in use while the
 * host is away. `kept` is what an earlier run has measured.
 */
export const watchMasking = (options: {
  host: string
  port: number
  name: string
  listenPort: number
  publicHost: string | null
  kept: MeasuredFlight | null
  say: Say
  changed(change: { mask?: Address | null; flight?: MeasuredFlight }): void
}): { known: Promise<void>; stop(): void } => {
  const { host, port, name, say, changed } = options
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let known: string | null = null
  let away = false
  const looked = Promise.withResolvers<void>()

  // A start does not wait for long: with a slow masking host the first answers are the usual ones.
  const patience = setTimeout(looked.resolve, PATIENCE_MS)

  const look = async (): Promise<void> => {
    const found = await resolve(host)
    if (stopping.signal.aborted) return
    const address = found === null ? null : addressOf(found, port)
    if (address !== null && isOurselves(address, options.listenPort, options.publicHost)) {
      say('error', 'masking-host-is-this-proxy', {
        MASK_HOST: host,
        address: found,
        port,
        hint: 'strangers are not answered',
      })
      changed({ mask: null })
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
          using: options.kept === null && known === null ? 'a usual answer' : 'the last known answer',
        })
      }
    } else {
      if (away) say('info', 'masking-host-back', { MASK_HOST: host, port })
      changed({ flight })
    }
    away = 'error' in flight
    clearTimeout(patience)
    looked.resolve()
    timer = setTimeout(look, away ? RETRY_MS : REFRESH_MS).unref()
  }

  if (options.kept) changed({ flight: options.kept })
  look()
  return {
    known: looked.promise,
    stop: () => {
      clearTimeout(timer)
      stopping.abort()
    },
  }
}
