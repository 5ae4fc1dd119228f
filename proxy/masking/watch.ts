import { type Address, addressOf } from '../datacenter/directory.ts'
import { type LookUp, lookUpAll } from '../datacenter/resolve.ts'
import type { Logger } from '../logger/logger.ts'
import { isOurselves, type OwnPlace, resolvePlaces } from '../net/ourselves.ts'
import type { profileQualities } from '../telemetry/catalogue/finding-catalogue.ts'
import type { ClassAnswer } from '../wire/server-hello.ts'
import { learnClasses } from './classes.ts'
import type { MeasuredRecords } from './kept.ts'
import { type FlightError, type MeasuredFlight, measureClass, measureFlight } from './measure.ts'

const REFRESH_MS = 15 * 60_000
/** Sooner while the masking host has not answered yet. */
const RETRY_MS = 30_000
const MEASURE_MS = 10_000
const PATIENCE_MS = 3_000
/** A site changes its records with its software, if ever. */
const RECORDS_MS = 24 * 3_600_000

/** The TLS version that an ordinary client negotiates, as `TLSv1.2`; null if the handshake fails. */
const protocolOf = async ({ options, signal }: State): Promise<string | null> => {
  // Loaded on demand, since it takes memory.
  const { shakeHands } = await import('./tls-handshake.ts')
  const { host, port, proxyProtocol = false, name } = options
  const shaken = await shakeHands({ host, port, proxyProtocol, name, timeoutMs: MEASURE_MS, signal })
  return shaken.ok ? shaken.protocol : null
}

/**
 * How well the site's answer is known. `exact`: for each class of hellos that clients have sent; `measured`: for a browser;
 * `kept`: from an earlier run; `usual`: not at all.
 */
export type Profile = {
  readonly quality: (typeof profileQualities)[number]
  /** Epoch, ms; null: never measured. */
  readonly measuredAt: number | null
}

type Change = { mask?: Address | null; flight?: MeasuredFlight; records?: MeasuredRecords }

type Options = {
  readonly host: string
  readonly port: number
  /** Whether the host expects a PROXY protocol header. */
  readonly proxyProtocol?: boolean
  readonly name: string
  /** `publicHost` may still be looked for: until then, no connection is fronted. */
  readonly ourselves: {
    readonly listeners: readonly OwnPlace[]
    readonly publicHost: string | null | Promise<string>
  }
  /** The measurement of an earlier run. */
  readonly kept: MeasuredFlight | null
  /** `off`: records are not measured. */
  readonly keptRecords: MeasuredRecords | null | 'off'
  readonly logger: Logger
  changed(change: Change): void
  /** Time between two checks, ms; `retryMs` while the host does not answer. */
  readonly refreshMs?: number
  readonly retryMs?: number
  readonly lookUp?: LookUp
}

type State = {
  readonly options: Options
  readonly signal: AbortSignal
  /** Resolves the start's wait for the first measurement. */
  readonly looked: () => void
  /** The address in use. */
  known: string | null
  /** Code of the last warning: each kind of trouble is logged once. */
  complaint: string | null
  /** The host resolves to this proxy only. */
  ours: boolean
  up: boolean | null
  measured: MeasuredFlight | null
  /** Time of the last measurement of records, successful or not. Epoch, ms. */
  recordsAt: number
  readonly classes: ReturnType<typeof learnClasses>
}

const use = (state: State, address: Address): void => {
  if (address.host === state.known) return
  state.known = address.host
  state.options.changed({ mask: address })
}

/** Uses the first address that answers: a host with an IPv6 address may have no route to another one. */
const measure = async (
  state: State,
  addresses: readonly Address[],
): Promise<MeasuredFlight | { error: FlightError }> => {
  const { options, signal } = state
  let error: FlightError = 'unreachable'
  for (const address of addresses) {
    const flight = await measureFlight({
      host: address.host,
      port: options.port,
      proxyProtocol: options.proxyProtocol ?? false,
      name: options.name,
      timeoutMs: MEASURE_MS,
      signal,
      known: state.measured,
    })
    if (signal.aborted) return flight
    if (!('error' in flight) || flight.error === 'not-tls13' || flight.error === 'retry') {
      use(state, address)
      return flight
    }
    error = flight.error
  }
  if (addresses[0] && !addresses.some(({ host }) => host === state.known)) use(state, addresses[0])
  return { error }
}

/** The log code for a failed measurement, and what to do. */
const troubleOf = (
  error: FlightError,
  protocol: string | null,
): readonly [code: string, hint: string | undefined] => {
  if (error === 'retry') {
    return [
      'masking-host-retries',
      'it asks browsers for another key share, which no app sends: choose a TLS_DOMAIN or MASK_HOST that accepts X25519',
    ]
  }
  if (protocol === null) return ['masking-host-away', undefined]
  return protocol === 'TLSv1.3'
    ? ['masking-host-unmeasured', 'its TLS answer cannot be imitated: choose another TLS_DOMAIN or MASK_HOST']
    : [
        'masking-host-old-tls',
        `the site has only ${protocol}, and fake TLS looks like TLS 1.3: choose a TLS_DOMAIN or MASK_HOST with TLS 1.3`,
      ]
}

const complain = (state: State, error: FlightError, protocol: string | null): void => {
  const { host, port, kept, logger } = state.options
  const [code, hint] = troubleOf(error, protocol)
  if (state.complaint === code) return
  state.complaint = code
  const using = (state.measured ?? kept) ? 'the last known answer' : 'a usual answer'
  logger('warn', code, { MASK_HOST: host, port, error: protocol ?? error, using, hint })
}

/** The host resolves to this proxy: fronting would loop. */
const refuseOurselves = (state: State, address: string | undefined): void => {
  const { host, port, logger, changed } = state.options
  if (!state.ours) {
    const hint = 'unauthenticated clients get no answer: choose another MASK_HOST or TLS_DOMAIN'
    logger('error', 'masking-host-is-this-proxy', { MASK_HOST: host, address, port, hint })
    changed({ mask: null })
  }
  state.ours = true
  state.known = null
  state.up = false
}

/** Takes over a measurement. Returns whether the host answers. */
const takeOver = async (state: State, flight: MeasuredFlight | { error: FlightError }): Promise<boolean> => {
  const { host, port, logger, changed } = state.options
  if ('error' in flight) {
    const old = flight.error === 'not-tls13' || flight.error === 'retry'
    const protocol = old ? await protocolOf(state) : null
    if (state.signal.aborted) return false
    state.up = protocol !== null
    complain(state, flight.error, protocol)
    return state.up
  }
  if (state.complaint !== null || state.ours) logger('info', 'masking-host-back', { MASK_HOST: host, port })
  state.complaint = null
  state.measured = flight
  state.up = true
  changed({ flight })
  return true
}

/** Resolves the name and measures the host once. Returns whether it answers. */
const look = async (state: State): Promise<boolean> => {
  const { host, port, ourselves, kept, lookUp = lookUpAll } = state.options
  const isPath = host.startsWith('/')
  const ours = async () => resolvePlaces(ourselves.listeners, await ourselves.publicHost, lookUp)
  const [found, places] = await Promise.all([isPath ? [host] : lookUp(host), ours()])
  if (state.signal.aborted) return false
  const addresses = found
    .map((at) => addressOf(at, port))
    .filter((at) => !isOurselves(at, places))
    .sort((a, b) => Number(b.host === state.known) - Number(a.host === state.known))
  if (found.length > 0 && addresses.length === 0) {
    refuseOurselves(state, found[0])
    return false
  }
  if (state.known === null && addresses[0]) use(state, addresses[0])
  if (kept) state.looked()
  const flight = await measure(state, addresses)
  if (state.signal.aborted) return false
  const answers = await takeOver(state, flight)
  if (!state.signal.aborted && addresses.length > 0) state.ours = false
  return answers
}

/** Downloads the first page of the site, once a day. */
const lookAtRecords = async (state: State): Promise<void> => {
  const { options, signal } = state
  if (options.keptRecords === 'off' || state.known === null || Date.now() - state.recordsAt < RECORDS_MS)
    return
  state.recordsAt = Date.now()
  // Loaded on demand, since it takes memory.
  const { measureRecords } = await import('./measure-records.ts')
  const { port, proxyProtocol = false, name } = options
  const limit = AbortSignal.any([signal, AbortSignal.timeout(MEASURE_MS)])
  const records = await measureRecords({ host: state.known, port, proxyProtocol, name, signal: limit })
  if (records !== null && !signal.aborted)
    options.changed({ records: { ...records, measuredAt: state.recordsAt } })
}

/** The host's answer to a client's hello, at the address in use. */
const askFor = async (
  { options, known, signal }: State,
  template: Buffer,
): Promise<ClassAnswer | { error: FlightError }> => {
  const { port, proxyProtocol = false, name } = options
  if (known === null) return { error: 'unreachable' }
  return measureClass({ host: known, port, proxyProtocol, name, timeoutMs: MEASURE_MS, signal, template })
}

const profileOf = ({ measured, options, classes }: State): Profile => {
  const measuredAt = (measured ?? options.kept)?.observedAt ?? null
  if (measured === null) return { quality: options.kept === null ? 'usual' : 'kept', measuredAt }
  return { quality: classes.complete() ? 'exact' : 'measured', measuredAt }
}

/**
 * Keeps the masking host's address and the shape of its TLS answer up to date. The last known ones stay in use while the
 * host does not answer.
 */
export const watchMasking = (
  options: Options,
): {
  /** Resolves after the first measurement, after 3 s, or as soon as an address is known if `kept` has a measurement. */
  known: Promise<void>
  /** Whether the host answered the last time; null before the first check. */
  up(): boolean | null
  profile(): Profile
  /** A client has sent a hello of this class; `template` as from `templateOf`. */
  helloSeen(kind: string, template: Buffer): void
  stop(): void
} => {
  const { kept, keptRecords, changed, refreshMs = REFRESH_MS, retryMs = RETRY_MS } = options
  const stopping = new AbortController()
  const looked = Promise.withResolvers<void>()
  const state: State = {
    options,
    signal: stopping.signal,
    looked: looked.resolve,
    known: null,
    complaint: null,
    ours: false,
    up: null,
    measured: null,
    classes: learnClasses({
      ask: (template) => askFor(state, template),
      flight: () => state.measured,
      learned: (kind, answer) => {
        const { measured } = state
        if (measured === null || stopping.signal.aborted) return
        state.measured = { ...measured, classes: { ...measured.classes, [kind]: answer } }
        changed({ flight: state.measured })
      },
    }),
    recordsAt: keptRecords === null || keptRecords === 'off' ? 0 : keptRecords.measuredAt,
  }
  let timer: NodeJS.Timeout | undefined
  // With a slow masking host the start does not wait: the first answers are the usual ones.
  const patience = setTimeout(looked.resolve, PATIENCE_MS)
  const again = async (): Promise<void> => {
    const answers = await look(state)
    if (stopping.signal.aborted) return
    clearTimeout(patience)
    looked.resolve()
    if (answers) state.classes.refresh()
    if (answers) await lookAtRecords(state)
    if (stopping.signal.aborted) return
    timer = setTimeout(again, answers ? refreshMs : retryMs).unref()
  }
  if (kept) changed({ flight: kept })
  if (keptRecords !== null && keptRecords !== 'off') changed({ records: keptRecords })
  void again()
  return {
    known: looked.promise,
    up: () => state.up,
    profile: () => profileOf(state),
    helloSeen: state.classes.seen,
    stop: () => {
      clearTimeout(timer)
      clearTimeout(patience)
      looked.resolve()
      stopping.abort()
    },
  }
}
