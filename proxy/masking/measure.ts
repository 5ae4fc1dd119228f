import { appleOrder, browserHello, chromeOrder } from '../wire/browser-hello.ts'
import { renewedHello } from '../wire/hello-class.ts'
import { type Fill, randomPool } from '../wire/random.ts'
import { parseServerAnswer, type ServerAnswer } from '../wire/server-answer.ts'
import {
  type Chosen,
  type ClassAnswer,
  type Flight,
  finishedExtra,
  orderOf,
  tls13Suites,
} from '../wire/server-hello.ts'
import { connectSite, type SiteAddress } from './connect-site.ts'

export type MeasuredFlight = Flight & {
  /** Record sizes of the last flight seen. */
  records: readonly number[]
  /** Epoch, ms. */
  observedAt: number
  /** Time of the last measurement of all orders of suites. Epoch, ms. */
  suitesAt: number
}

/** `retry`: the host asks for another key share (HelloRetryRequest), which no app sends. */
export type FlightError = 'unreachable' | 'timeout' | 'not-tls13' | 'retry'

type Target = { host: string; port: number; proxyProtocol: boolean; name: string; signal: AbortSignal }
type Asked = {
  hybrid: boolean
  suites: readonly number[]
  /** The ServerHello is enough. */
  brief?: boolean
  /** Instead of a browser's. */
  template?: Buffer
}

/** More than any chain of certificates; the rest is not read. */
const maxAnswer = 65_536
const longestPauseMs = 1000
const shortestPauseMs = 150
/** A host changes its rule for suites with its software, if ever. */
const suitesLastMs = 24 * 3_600_000

/**
 * Sends one ClientHello to the masking host and reads its answer until it is silent for a few round trips after a complete
 * record: then it waits for our Finished, which never comes.
 */
const ask = async (
  target: Target,
  asked: Asked,
  random: Fill,
): Promise<ServerAnswer | { error: FlightError }> => {
  const { name, signal } = target
  const { promise, resolve } = Promise.withResolvers<ServerAnswer | { error: FlightError }>()
  const startedAt = performance.now()
  const socket = connectSite(target)
  const received = Buffer.alloc(maxAnswer)
  let length = 0
  let pauseMs = longestPauseMs
  let pause: NodeJS.Timeout | undefined
  const settle = (): void => {
    const answer = parseServerAnswer(received.subarray(0, length))
    const complete = typeof answer !== 'string' && (asked.brief || answer.records.length > 0)
    resolve(complete ? answer : { error: answer === 'retry' ? 'retry' : 'not-tls13' })
  }
  const expired = (): void => resolve({ error: 'timeout' })
  signal.addEventListener('abort', expired)
  if (signal.aborted) expired()
  socket.on('error', () => (length > 0 ? settle() : resolve({ error: 'unreachable' })))
  socket.on('close', settle)
  socket.on('connect', () => {
    pauseMs = Math.min(Math.max(4 * (performance.now() - startedAt), shortestPauseMs), longestPauseMs)
    const { template } = asked
    socket.write((template && renewedHello(template, random)) ?? browserHello({ name, random, ...asked }))
  })
  socket.on('data', (bytes: Buffer) => {
    clearTimeout(pause)
    length += bytes.copy(received, length)
    const answer = parseServerAnswer(received.subarray(0, length))
    if (
      answer === 'not-tls13' ||
      answer === 'retry' ||
      length === maxAnswer ||
      (answer !== 'more' && asked.brief)
    )
      settle()
    else if (answer !== 'more' && answer.whole && answer.records.length > 0)
      pause = setTimeout(settle, pauseMs)
  })
  const answer = await promise
  clearTimeout(pause)
  signal.removeEventListener('abort', expired)
  socket.destroy()
  return answer
}

/** Size of the one record that fills as many bytes on the wire as these, see `Chosen.sizes`. */
const asOneRecord = ({ records, cipherSuite }: ServerAnswer): number =>
  records.reduce((sum, size) => sum + size + 5, 0) - 5 - finishedExtra(cipherSuite)

const chosen = (group: number, answers: readonly ServerAnswer[]): Chosen => ({
  group,
  sizes: answers.map(asOneRecord),
})

/** Every order of two or three of the suites; one suite leaves no choice. */
const orders: readonly (readonly number[])[] = tls13Suites.flatMap((first) =>
  tls13Suites
    .filter((suite) => suite !== first)
    .flatMap((second) => {
      const third = tls13Suites.filter((suite) => suite !== first && suite !== second)
      return [
        [first, second],
        [first, second, ...third],
      ]
    }),
)

type Suites = Pick<MeasuredFlight, 'suites' | 'suitesAt'>

/**
 * Measures every order, see `Flight.suites`. An order that the host refuses stays unknown; after any other failure the next
 * measurement repeats all of them.
 */
const measureSuites = async (target: Target, random: Fill): Promise<Suites> => {
  const suites: number[] = Array(4 ** tls13Suites.length).fill(0)
  let suitesAt = Date.now()
  for (const order of orders) {
    const answer = await ask(target, { hybrid: true, suites: order, brief: true }, random)
    if (!('error' in answer)) suites[orderOf(order)] = answer.cipherSuite
    else if (answer.error !== 'not-tls13' && answer.error !== 'retry') suitesAt = 0
    if (target.signal.aborted) break
  }
  return { suites, suitesAt }
}

const shapes: readonly Asked[] = [
  { hybrid: true, suites: chromeOrder },
  { hybrid: true, suites: appleOrder },
  { hybrid: true, suites: chromeOrder },
  { hybrid: false, suites: chromeOrder },
  { hybrid: false, suites: chromeOrder },
]

const measureShapes = async (
  target: Target,
  random: Fill,
): Promise<readonly ServerAnswer[] | { error: FlightError }> => {
  const answers: ServerAnswer[] = []
  for (const asked of shapes) {
    const answer = await ask(target, asked, random)
    if ('error' in answer) return answer
    answers.push(answer)
  }
  return answers
}

/** Signatures vary by a few bytes; another certificate by more. */
const SAME = 16
const near = ({ group, sizes }: Chosen, answer: ServerAnswer): boolean =>
  group === answer.group && sizes.some((size) => Math.abs(size - asOneRecord(answer)) <= SAME)

/** Whether a host still answers a browser as before: then its answers to clients hold, too. */
const sameShape = (known: MeasuredFlight, hybrid: ServerAnswer, classic: ServerAnswer): boolean =>
  near(known.hybrid, hybrid) && near(known.classic, classic)

const CLASS_ANSWERS = 3

/** Measures how the masking host answers hellos as a client sends them; `template` as from `templateOf`. */
export const measureClass = async (
  options: SiteAddress & { name: string; timeoutMs: number; signal: AbortSignal; template: Buffer },
): Promise<ClassAnswer | { error: FlightError }> => {
  const { host, port, proxyProtocol = false, name, timeoutMs, template } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)])
  const target = { host, port, proxyProtocol, name, signal }
  const random = randomPool()
  const answers: ServerAnswer[] = []
  while (answers.length < CLASS_ANSWERS) {
    const answer = await ask(target, { hybrid: true, suites: chromeOrder, template }, random)
    if ('error' in answer) return answer
    answers.push(answer)
  }
  const [first] = answers as [ServerAnswer]
  return {
    ...chosen(first.group, answers),
    cipherSuite: first.cipherSuite,
    versionFirst: first.extensions[0] === 0x002b,
    measuredAt: Date.now(),
  }
}

/** Whether the host answers a browser in a way that can be imitated; the reason why not. */
export const imitable = async (
  options: SiteAddress & { name: string; timeoutMs: number; signal: AbortSignal },
): Promise<'yes' | FlightError> => {
  const { host, port, proxyProtocol = false, name, timeoutMs } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)])
  const target = { host, port, proxyProtocol, name, signal }
  const answer = await ask(target, { hybrid: true, suites: chromeOrder }, randomPool())
  return 'error' in answer ? answer.error : 'yes'
}

/**
 * Measures how the masking host answers a browser: its group, its suite for each order, the order of its extensions, the
 * size of its encrypted flight. Five connections in sequence show a flight that varies (ECDSA signatures do, by a byte or
 * two); meanwhile twelve shorter ones measure the suites, unless `known` has them of the last day and the host agrees.
 * `name` is the server name. `timeoutMs` is for all connections together.
 */
export const measureFlight = async (options: {
  host: string
  port: number
  proxyProtocol?: boolean
  name: string
  timeoutMs: number
  signal?: AbortSignal
  known?: MeasuredFlight | null
}): Promise<MeasuredFlight | { error: FlightError }> => {
  const { host, port, proxyProtocol = false, name, timeoutMs, known } = options
  const limit = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit
  const random = randomPool()
  const target = { host, port, proxyProtocol, name, signal }
  const fresh = known && Date.now() - known.suitesAt < suitesLastMs ? known : null
  const failed = new AbortController()
  const [answers, asked] = await Promise.all([
    measureShapes(target, random).then((answers) => {
      if ('error' in answers) failed.abort()
      return answers
    }),
    fresh ?? measureSuites({ ...target, signal: AbortSignal.any([signal, failed.signal]) }, random),
  ])
  if ('error' in answers) return answers
  const [first, apple, second, classic, classicAgain] = answers as [
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
  ]
  const agrees = [first, apple].every(
    ({ cipherSuite }, i) => asked.suites[orderOf(shapes[i]!.suites)] === cipherSuite,
  )
  const { suites, suitesAt } = agrees || fresh === null ? asked : await measureSuites(target, random)
  return {
    hybrid: chosen(first.group, [first, apple, second]),
    classic: chosen(classic.group, [classic, classicAgain]),
    suites,
    versionFirst: first.extensions[0] === 0x002b,
    classes: known && sameShape(known, first, classic) ? known.classes : {},
    records: first.records,
    observedAt: Date.now(),
    suitesAt,
  }
}
