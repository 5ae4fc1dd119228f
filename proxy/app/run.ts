import { readFileSync } from 'node:fs'
import { type Config, type ConfigReading, changedSettings } from '../config/config.ts'
import { readOwnConfig } from '../config/own-config.ts'
import { hostAndPort } from '../config/parse.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import { sayer } from '../logger/logger.ts'
import type { Link } from '../users/links.ts'
import { deadLinks } from '../users/public-address.ts'
import type { Extension, RunningProxy } from './start.ts'

const version = (): string => {
  const read: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : '0'
}

const usage = (program: string): string => `${program}: a Telegram MTProto proxy that shows what it is doing

Settings come from the environment and from .env in the current folder; README.md lists them all.
Without any, it makes a secret, keeps it in ./data and listens on port 8080.
The status page, /metrics, /healthz and /readyz are on METRICS_HOST:METRICS_PORT. Ready means that it accepts clients;
it says nothing of datacenters.

  SIGHUP            reads users again; connections go on, and what else changed is named
  SIGTERM, SIGINT   stops accepting, lets connections end, exits 0; a second one ends them at once
`

const SAME_WISH_MS = 500

/** The life of a program around the proxy: settings, signals, exit codes. 2: wrong settings; 1: could not run. */
export const run = async (
  program: string,
  extend?: (log: LocalLog, version: string, config: Config) => Promise<Extension>,
): Promise<void> => {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(usage(program))
    return
  }
  const logger = sayer()
  // Unheard, it would end the process: one that comes during the start is heeded when that is over.
  let early = false
  let reload = (): void => {
    early = true
  }
  process.on('SIGHUP', () => reload())
  const reading = readOwnConfig()
  if (!reading.ok) {
    const { mistakes } = reading
    process.stderr.write(
      `${program} cannot start: ${mistakes.length === 1 ? 'a setting is' : `${mistakes.length} settings are`} wrong\n`,
    )
    for (const mistake of mistakes) process.stderr.write(`  ${mistake}\n`)
    process.exit(2)
  }
  const running = reading
  const { config, telemetry } = running
  let proxy: RunningProxy
  try {
    // Loaded behind the handler of SIGHUP: that takes a while.
    const { startProxy } = await import('./start.ts')
    proxy = await startProxy({
      config,
      version: version(),
      env: { ...telemetry, ...process.env },
      logger,
      failed: (why) => {
        logger('error', 'failed', { why })
        process.exit(1)
      },
      ...(extend ? { extend: (log: LocalLog) => extend(log, version(), config) } : {}),
    })
  } catch (error) {
    logger('error', 'cannot-start', { why: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  }

  let stoppingSince = 0
  const stop = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    // Ctrl-C comes from the terminal and, once more, from npm: that is one wish.
    if (stoppingSince > 0 && now - stoppingSince > SAME_WISH_MS) process.exit(0)
    if (stoppingSince > 0) return
    stoppingSince = now
    // Ctrl-C is somebody who waits at a terminal; SIGTERM is a supervisor that has time.
    const drainMs = signal === 'SIGINT' ? Math.min(2_000, config.drainMs) : config.drainMs
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
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  reload = () => {
    let next: ConfigReading
    let added: readonly Link[] = []
    try {
      next = readOwnConfig()
      if (next.ok) added = proxy.reload(next.config)
    } catch (error) {
      next = { ok: false, mistakes: [error instanceof Error ? error.message : String(error)] }
    }
    if (next.ok) {
      logger('info', 'reloaded', { users: next.config.users.length || 1 })
      if (added.length > 0) process.stdout.write(`${linkLines(added).join('\n')}\n\n`)
      // Against what runs, not against the last reload: it is still so at the next one.
      const waiting = changedSettings(running, next)
      if (waiting.length > 0) logger('warn', 'needs-restart', { settings: waiting.join(',') })
    } else
      logger('error', 'reload-refused', { mistakes: next.mistakes.join('; '), hint: 'the old settings stay' })
  }
  // What fails in this thread is telemetry: it may not end what the relay threads do for people.
  process.on('uncaughtException', proxy.fault)
  // Said when it may be told to stop.
  introduce(program, config, proxy)
  logger('info', 'ready', {
    port: proxy.port,
    metrics: proxy.metricsUrl,
    users: config.users.length || 1,
    workers: config.workers,
    engine: proxy.engine,
    version: version(),
  })
  if (early) reload()
}

const linkLines = (links: readonly Link[]): string[] => [
  'Open one of these links in Telegram, or send it to whom the proxy is for:',
  ...links.flatMap(({ user, mode, tg, web }) => [`  ${user}, ${mode}:`, `    ${tg}`, `    ${web}`]),
]

const introduce = (program: string, config: Config, proxy: RunningProxy): void => {
  const dead = deadLinks(proxy.address)
  const lines = [
    `${program} relays on port ${proxy.port} to ${config.datacenters.size} datacenter entries, ${config.workers} threads.`,
    `Status page and metrics: ${proxy.metricsUrl}/`,
    config.maskHost === null
      ? 'Strangers are not answered (MASK_HOST=off).'
      : `Unauthenticated clients see ${hostAndPort(config.maskHost, config.maskPort)}.`,
    '',
    ...linkLines(proxy.links),
  ]
  if (dead !== null) lines.push('', `Mind that ${dead.states}: set ${dead.advice}.`)
  process.stdout.write(`${lines.join('\n')}\n\n`)
}
