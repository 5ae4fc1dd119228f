// For tests: a temporary folder, an event log in it, and events to append.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LocalLog, type LogOptions, openLog } from '../../../../proxy/event-log/event-log.ts'
import { encodeEvents } from '../../../../proxy/events/codec.ts'
import type { Batch, ProxyEvent } from '../../../../proxy/events/contract.ts'

export const folder = (): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-log-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export const open = (dataDir: string, more: Partial<LogOptions> = {}): LocalLog =>
  openLog({ dataDir, node: 'n1', maxBytes: 64e6, maxAgeMs: 86_400_000, now: () => 1_000, ...more })

export const stopped = (reason: string): ProxyEvent => ({ v: 1, type: 'process.stopped', at: 1_000, reason })

export const append = (log: LocalLog, reasons: readonly string[], lostBefore = 0): Batch => {
  const events = reasons.map(stopped)
  return log.append(encodeEvents(events), events, lostBefore)
}

/** Runs as an unprivileged user where the process is root, because root can read every file. */
export const asUser = <T>(run: () => T): T => {
  if (process.geteuid?.() !== 0) return run()
  process.seteuid!(65_534)
  try {
    return run()
  } finally {
    process.seteuid!(0)
  }
}
