import { readFileSync } from 'node:fs'
import type { Reloaded } from '../api/node.ts'
import { type Config, type ConfigReading, changedSettings } from '../config/config.ts'
import { readOwnConfig } from '../config/own-config.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import { type Logger, lineLogger } from '../logger/logger.ts'
import { introduce, printLinks } from './introduction.ts'
import type { Extension, Operations, RunningProxy } from './running-proxy.ts'

type Read = Extract<ConfigReading, { ok: true }>
type Extend = (log: LocalLog, version: string, config: Config) => Promise<Extension>

const version = (): string => {
  const read: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : '0'
}

/** `mtscope` runs as `mtscope start`, `mtscope-proxy` as `mtscope proxy`. */
const usage = (program: string, alone: boolean): string => `usage: mtscope ${program.split('-')[1] ?? 'start'}

Runs a Telegram MTProto proxy ${alone ? 'of a fleet, whose collectors have the status page' : 'with its own status page and metrics'}.

Settings come from the environment and from .env in the current folder; docs/settings.md lists them all.
Without any, the proxy makes a secret, keeps it in ./data and listens on port 8080.
${alone ? '' : 'The status page, '}/metrics, /healthz and /readyz are on METRICS_HOST:METRICS_PORT. Ready means that the proxy accepts
clients; it does not depend on datacenters.

  SIGHUP            reads users and lists again; others' connections go on; logs which other settings need a restart
  SIGTERM, SIGINT   stops accepting, lets connections end, exits 0; a second one exits immediately
`

const sameSignalMs = 500

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const readOrExit = (program: string): Read => {
  const reading = readOwnConfig()
  if (reading.ok) return reading
  const { mistakes } = reading
  const count = mistakes.length === 1 ? '1 setting is' : `${mistakes.length} settings are`
  process.stderr.write(`${program} cannot start: ${count} wrong\n`)
  for (const mistake of mistakes) process.stderr.write(`  ${mistake}\n`)
  process.exit(2)
}

const startOrExit = async (
  { config, telemetry }: Read,
  logger: Logger,
  operations: Operations,
  extend?: Extend,
) => {
  try {
    // The import takes a while: the handler of SIGHUP must be there before it.
    const { startProxy } = await import('./start.ts')
    return await startProxy({
      config,
      version: version(),
      env: { ...telemetry, ...process.env },
      logger,
      failed: (reason) => {
        logger('error', 'failed', { reason })
        process.exit(1)
      },
      operations,
      ...(extend ? { extend: (log: LocalLog) => extend(log, version(), config) } : {}),
    })
  } catch (error) {
    logger('error', 'cannot-start', { error: messageOf(error) })
    process.exit(1)
  }
}

/** Ends the program at signals. Returns the same for the API. */
const stopOnSignals = (proxy: RunningProxy, config: Config, logger: Logger): Operations['drain'] => {
  let stoppingSince = 0
  const begin = (signal: string, drainMs: number): void => {
    logger('info', 'stopping', { signal, drainSeconds: drainMs / 1_000 })
    proxy.stop(signal, drainMs).then(
      () => {
        logger('info', 'stopped')
        process.exit(0)
      },
      (error: unknown) => {
        logger('error', 'stop-failed', { error: String(error) })
        process.exit(1)
      },
    )
  }
  const stop = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    // Ctrl-C reaches the process from the terminal and once more from npm: that is one signal.
    if (stoppingSince > 0 && now - stoppingSince > sameSignalMs) process.exit(0)
    if (stoppingSince > 0) return
    stoppingSince = now
    // A person at a terminal waits for SIGINT; a supervisor that sends SIGTERM has time.
    begin(signal, signal === 'SIGINT' ? Math.min(2_000, config.drainMs) : config.drainMs)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return (ms) => {
    const drainMs = ms ?? config.drainMs
    if (stoppingSince === 0) {
      stoppingSince = performance.now()
      // The answer of the API goes first.
      setImmediate(begin, 'api', drainMs)
    }
    return drainMs
  }
}

const reload = (running: Read, proxy: RunningProxy, logger: Logger): Reloaded => {
  let next: ConfigReading
  let change: ReturnType<RunningProxy['reload']> | null = null
  try {
    next = readOwnConfig()
    if (next.ok) change = proxy.reload(next.config)
  } catch (error) {
    next = { ok: false, mistakes: [messageOf(error)] }
  }
  if (!next.ok || change === null) {
    const mistakes = next.ok ? [] : next.mistakes
    const hint = 'correct the settings and send SIGHUP again; the old ones stay in use'
    logger('error', 'reload-refused', { mistakes: mistakes.join('; '), hint })
    return { ok: false, mistakes }
  }
  const { links, ...users } = change
  logger('info', 'reloaded', { users: users.users })
  printLinks(links)
  // Compared with the settings in use, not with the last reload: each reload repeats the warning.
  const waiting = changedSettings(running, next)
  if (waiting.length > 0) logger('warn', 'needs-restart', { settings: waiting.join(',') })
  return { ok: true, ...users, needRestart: waiting }
}

/** The life of a program around the proxy: settings, signals, exit codes. 2: wrong settings; 1: could not run. */
export const run = async (program: string, extend?: Extend): Promise<void> => {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(usage(program, extend === undefined))
    return
  }
  const logger = lineLogger()
  // Without a handler SIGHUP would end the process. One that comes during the start takes effect after it.
  let early = false
  let onHangup = (): void => {
    early = true
  }
  process.on('SIGHUP', () => onHangup())
  const running = readOrExit(program)
  const { config } = running
  const operations: Operations = {
    reload: () => ({ ok: false, mistakes: ['the proxy still starts: try again'] }),
    drain: () => config.drainMs,
  }
  const proxy = await startOrExit(running, logger, operations, extend)
  operations.drain = stopOnSignals(proxy, config, logger)
  operations.reload = () => reload(running, proxy, logger)
  onHangup = operations.reload
  // This thread does telemetry: its exceptions must not end what the relay threads do for clients.
  process.on('uncaughtException', proxy.fault)
  await introduce(program, config, proxy, extend !== undefined)
  // The last line: from now on signals are handled.
  logger('info', 'ready', {
    port: proxy.port,
    metrics: proxy.metricsUrl,
    users: proxy.users.all.length,
    workers: config.workers,
    engine: proxy.engine,
    ...(proxy.congestion === '' ? {} : { congestion: proxy.congestion }),
    version: version(),
  })
  if (early) onHangup()
}
