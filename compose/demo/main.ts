import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { newSecret } from '../test/kit/client/client.ts'
import { startAppliance } from '../test/kit/processes/harness.ts'
import { ownTmp } from '../test/runner/own-tmp.ts'
import { bulletin } from './bulletin.ts'
import { crowd, hourAt } from './crowd.ts'
import { story, storySeconds } from './story.ts'
import { telegram } from './telegram.ts'

const help = `usage: mtscope demo [--minutes N] [--people N]

Runs the real appliance between simulated datacenters, a masking site and clients, all on loopback, without a network.
A simulated day takes three minutes and has six faults.

  --minutes N  ends after N minutes; without it Ctrl-C ends the demo, a second Ctrl-C immediately
  --people N   people at the busiest hour, 1 to 1000 (default 40)
  --help       prints this text`

const usualPort = 9464

const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

const mostMinutes = 10_000
const mostPeople = 1_000

/** The options of the command. Throws an error that names the wrong one. */
const readArguments = () => {
  const options = {
    minutes: { type: 'string' },
    people: { type: 'string', default: '40' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const
  const { values } = parseArgs({ options })
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
  if (minutes !== undefined && !(minutes > 0 && minutes <= mostMinutes))
    throw new Error(`--minutes ${values.minutes}: give a number above 0, at most ${mostMinutes}`)
  const people = Number(values.people)
  if (!(Number.isInteger(people) && people >= 1 && people <= mostPeople))
    throw new Error(`--people ${values.people}: give a whole number from 1 to ${mostPeople}`)
  return { help: values.help, minutes, people }
}

type Show = { minutes: number | undefined; people: number; begun: () => void; signal: AbortSignal }

const perform = async ({ minutes, people, begun, signal }: Show): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const startedAt = performance.now()
  const dayMs = storySeconds * 1000
  const logger = (line: string): void => {
    const elapsed = performance.now() - startedAt
    const hour = `${Math.floor(hourAt(elapsed, dayMs))}`.padStart(2, '0')
    console.log(`[${clock(elapsed)} · ${hour} h] ${line}`)
  }
  logger('starting datacenters, masking site and appliance')
  const datacenters = await telegram(stack)
  const secrets = [newSecret(), newSecret(), newSecret()]
  const [alice, bob, family] = secrets
  const proxy = stack.use(
    await startAppliance({
      datacenters,
      env: {
        USER1_SECRET: alice,
        USER1_NAME: 'alice',
        USER2_SECRET: bob,
        USER2_NAME: 'bob',
        USER3_SECRET: family,
        USER3_NAME: 'family',
        METRICS_PORT: (await isFree(usualPort)) ? `${usualPort}` : '0',
        PROBE_INTERVAL: '2',
        // A day takes three minutes, so the windows of the alerts are a tenth.
        ALERT_WINDOWS: '0.1',
        NODE_NAME: 'demo',
      },
    }),
  )
  begun()
  logger(`status page: ${proxy.metricsUrl}/`)
  logger(`a simulated day takes ${clock(dayMs)} min, with up to ${people} people`)

  const over = AbortSignal.any([signal, ...(minutes ? [AbortSignal.timeout(minutes * 60_000)] : [])])
  const running = [
    crowd({ port: proxy.port, secrets, people, dayMs, signal: over }),
    story({ port: proxy.port, secret: alice!, telegram: datacenters, logger, signal: over }),
    bulletin(proxy.status, logger, over),
  ]
  await Promise.race([Promise.all(running), wait(2 ** 31 - 1, undefined, { signal: over }).catch(() => {})])
  logger('ending: clients disconnect')
  await Promise.all(running)
  const code = await proxy.stop()
  logger(`the appliance exited with ${code}`)
}

const main = async (): Promise<number> => {
  let read: ReturnType<typeof readArguments>
  try {
    read = readArguments()
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`)
    return 2
  }
  if (read.help) {
    console.log(help)
    return 0
  }
  ownTmp('demo')
  const stopping = new AbortController()
  let ready = false
  const stop = (code: number): void => {
    if (!ready) console.error('stopped before it was ready')
    if (!ready || stopping.signal.aborted) process.exit(code)
    stopping.abort()
  }
  process.on('SIGINT', () => stop(130))
  process.on('SIGTERM', () => stop(143))
  try {
    const begun = (): void => {
      ready = true
    }
    await perform({ minutes: read.minutes, people: read.people, begun, signal: stopping.signal })
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 1
  }
}

// Everything is closed; exit() cuts short the pauses of scenes that still run.
process.exit(await main())
