import { setTimeout as wait } from 'node:timers/promises'
import type { AlertStatus, Status } from '../../collector/read/status.ts'

const mib = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`

/**
 * Reads the status of the appliance every two seconds until `signal`. Logs each alert that is raised or cleared, and every
 * `summaryMs` the totals.
 */
export const bulletin = async (
  status: () => Promise<Status>,
  logger: (line: string) => void,
  signal: AbortSignal,
  summaryMs = 30_000,
): Promise<void> => {
  const active = new Map<string, AlertStatus>()
  let nextSummary = performance.now() + summaryMs
  while (!signal.aborted) {
    await wait(2000, undefined, { signal }).catch(() => {})
    const now = await status().catch(() => undefined)
    if (!now) continue
    for (const alert of now.alerts) {
      const key = `${alert.rule} ${alert.subject}`
      const known = active.has(key)
      if (alert.clearedAt === null && !known) {
        active.set(key, alert)
        logger(`alert raised   ${alert.rule} (${alert.subject}): ${alert.summary}`)
      } else if (alert.clearedAt !== null && known && active.get(key)?.since === alert.since) {
        active.delete(key)
        logger(`alert cleared  ${alert.rule} (${alert.subject})`)
      }
    }
    if (performance.now() < nextSummary) continue
    nextSummary += summaryMs
    const { connections, bytesToClient } = now.totals
    logger(`${now.open.total} connections open, ${connections} so far, ${mib(bytesToClient)} down`)
  }
}
