import { connect } from 'node:net'
import { appleOrder, browserHello, chromeOrder } from '../wire/browser-hello.ts'
import { type Fill, randomPool } from '../wire/random.ts'
import { parseServerAnswer, type ServerAnswer } from '../wire/server-answer.ts'
import { type Chosen, type Flight, finishedExtra } from '../wire/server-hello.ts'

export type MeasuredFlight = Flight & {
  /** Record sizes of the last flight seen. */
  records: readonly number[]
  /** Epoch, ms. */
  observedAt: number
}

export type FlightError = 'unreachable' | 'timeout' | 'not-tls13'

type Target = { host: string; port: number; name: string; signal: AbortSignal }
type Asked = { hybrid: boolean; suites: readonly number[] }

/** More than any chain of certificates; what comes beyond is not read. */
const maxAnswer = 65_536
const longestPauseMs = 1000
const shortestPauseMs = 150

/**
 * Shows one ClientHello to the masking host and reads what it answers, until it has been silent for a few round
 * trips behind a complete record: it then waits for our Finished, which never comes.
 */
const ask = async (
  target: Target,
  asked: Asked,
  random: Fill,
): Promise<ServerAnswer | { error: FlightError }> => {
  const { host, port, name, signal } = target
  const { promise, resolve } = Promise.withResolvers<ServerAnswer | { error: FlightError }>()
  const startedAt = performance.now()
  const socket = connect({ host, port, noDelay: true })
  const received = Buffer.alloc(maxAnswer)
  let length = 0
  let pauseMs = longestPauseMs
  let pause: NodeJS.Timeout | undefined
  const settle = (): void => {
    const answer = parseServerAnswer(received.subarray(0, length))
    resolve(typeof answer === 'string' || answer.records.length === 0 ? { error: 'not-tls13' } : answer)
  }
  const expired = (): void => resolve({ error: 'timeout' })
  signal.addEventListener('abort', expired)
  if (signal.aborted) expired()
  socket.on('error', () => (length > 0 ? settle() : resolve({ error: 'unreachable' })))
  socket.on('close', settle)
  socket.on('connect', () => {
    pauseMs = Math.min(Math.max(4 * (performance.now() - startedAt), shortestPauseMs), longestPauseMs)
    socket.write(browserHello({ name, random, ...asked }))
  })
  socket.on('data', (bytes: Buffer) => {
    clearTimeout(pause)
    length += bytes.copy(received, length)
    const answer = parseServerAnswer(received.subarray(0, length))
    if (answer === 'not-tls13' || length === maxAnswer) settle()
    else if (answer !== 'more' && answer.whole && answer.records.length > 0)
      pause = setTimeout(settle, pauseMs)
  })
  const answer = await promise
  clearTimeout(pause)
  signal.removeEventListener('abort', expired)
  socket.destroy()
  return answer
}

/** The one record that fills as many bytes on the wire as these do, see `Chosen.sizes`. */
const asOneRecord = ({ records, cipherSuite }: ServerAnswer): number =>
  records.reduce((sum, size) => sum + size + 5, 0) - 5 - finishedExtra(cipherSuite)

const chosen = (group: number, answers: readonly ServerAnswer[]): Chosen => ({
  group,
  sizes: answers.map(asOneRecord),
})

/**
 * How the masking host answers a browser: which group it takes, whose order of cipher suites, the order of its
 * extensions, and how large its encrypted flight is. Five short connections, one after the other, so that a host whose
 * flight varies (ECDSA signatures do, by a byte or two) is seen varying.
 * `name` is the server name asked for. The time limit is for all five.
 */
export const measureFlight = async (options: {
  host: string
  port: number
  name: string
  timeoutMs: number
  signal?: AbortSignal
}): Promise<MeasuredFlight | { error: FlightError }> => {
  const { host, port, name, timeoutMs } = options
  const limit = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit
  const random = randomPool()
  const answers: ServerAnswer[] = []
  for (const asked of [
    { hybrid: true, suites: chromeOrder },
    { hybrid: true, suites: appleOrder },
    { hybrid: true, suites: chromeOrder },
    { hybrid: false, suites: chromeOrder },
    { hybrid: false, suites: chromeOrder },
  ]) {
    const answer = await ask({ host, port, name, signal }, asked, random)
    if ('error' in answer) return answer
    answers.push(answer)
  }
  const [first, apple, second, classic, classicAgain] = answers as [
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
    ServerAnswer,
  ]
  return {
    hybrid: chosen(first.group, [first, apple, second]),
    classic: chosen(classic.group, [classic, classicAgain]),
    cipherSuite: first.cipherSuite === apple.cipherSuite ? first.cipherSuite : null,
    versionFirst: first.extensions[0] === 0x002b,
    records: first.records,
    observedAt: Date.now(),
  }
}
