import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { bulletin } from './demo/bulletin.ts'
import { crowd, hourAt } from './demo/crowd.ts'
import { story, storySeconds } from './demo/story.ts'
import { telegram } from './demo/telegram.ts'
import { newSecret } from './e2e/client.ts'
import { startAppliance } from './e2e/harness.ts'

const help = `npm run demo -- [--minutes N] [--people N]

Shows mtscope at work without any network: datacenters, a masking site and a crowd of clients are simulated on
loopback, the appliance between them is the real one. Every three minutes a day goes by, and with it what can go wrong.

  --minutes N  ends after N minutes (else with Ctrl-C)
  --people N   how many use it at the busiest hour (default 40)
  --help       this text`

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

const positive = (name: string, text: string | undefined): number | undefined => {
  const value = Number(text)
  if (text !== undefined && !(value > 0 && Number.isFinite(value)))
    throw new Error(`--${name} must be a number above 0, not ${text}`)
  return text === undefined ? undefined : value
}

const readArguments = () => {
  const options = {
    minutes: { type: 'string' },
    people: { type: 'string' },
    help: { type: 'boolean' },
  } as const
  const { values } = parseArgs({ options })
  return {
    help: values.help ?? false,
    minutes: positive('minutes', values.minutes),
    people: positive('people', values.people) ?? 40,
  }
}

const perform = async (minutes: number | undefined, people: number, signal: AbortSignal): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const startedAt = performance.now()
  const dayMs = storySeconds * 1000
  const say = (line: string): void => {
    const elapsed = performance.now() - startedAt
    const hour = `${Math.floor(hourAt(elapsed, dayMs))}`.padStart(2, '0')
    console.log(`[${clock(elapsed)} · ${hour} h] ${line}`)
  }
  say('starting the datacenters, a web site and the appliance')
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
        // A day is three minutes here: alerts must keep up with it.
        ALERT_WINDOWS: '0.1',
        NODE_NAME: 'demo',
      },
    }),
  )
  say(`the status page is at ${proxy.metricsUrl}/ : open it and watch`)
  say(`a day takes ${clock(dayMs)} here; ${people} people at its busiest`)

  const over = AbortSignal.any([signal, ...(minutes ? [AbortSignal.timeout(minutes * 60_000)] : [])])
  const playing = [
    crowd({ port: proxy.port, secrets, people, dayMs, signal: over }),
    story({ port: proxy.port, secret: alice!, telegram: datacenters, say, signal: over }),
    bulletin(proxy.status, say, over),
  ]
  await Promise.race([Promise.all(playing), wait(2 ** 31 - 1, undefined, { signal: over }).catch(() => {})])
  say('the end: everybody goes home')
  await Promise.all(playing)
  const code = await proxy.stop()
  say(code === 0 ? 'the appliance ended in good order' : `the appliance ended with ${code}`)
}

const main = async (): Promise<number> => {
  try {
    const { help: wantsHelp, minutes, people } = readArguments()
    if (wantsHelp) {
      console.log(help)
      return 0
    }
    const stopping = new AbortController()
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort())
    await perform(minutes, people, stopping.signal)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 1
  }
}

process.exitCode = await main()
