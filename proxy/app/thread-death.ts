import type { LocalLog } from '../event-log/event-log.ts'
import { encodeEvents } from '../events/codec.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import type { Death } from '../relay/threads/death.ts'
import type { OpenConnections } from '../relay/threads/open-connections.ts'

/** Events of one row, as many as a relay thread posts together: a row becomes one Kafka message. */
const ROW = 512

export const lostInQueue = (count: number): ProxyEvent => ({
  v: 1,
  type: 'events.lost',
  at: Date.now(),
  reason: 'worker-queue',
  count,
})

/** Records the death of a relay thread, the end of each of its connections, and the events that died with it. */
export const recordDeath = (
  { worker, reason, message, lost }: Death,
  open: OpenConnections,
  log: LocalLog,
  logger: Logger,
): void => {
  const at = Date.now()
  const { events: ends, connections } = open.endAll(worker, at)
  logger('error', 'relay-thread-died', { worker, reason, message, connections, lost })
  const events: ProxyEvent[] = [{ v: 1, type: 'thread.died', at, worker, reason, connections }, ...ends]
  if (lost > 0) events.push(lostInQueue(lost))
  for (let from = 0, gap = lost; from < events.length; from += ROW, gap = 0) {
    const row = events.slice(from, from + ROW)
    log.append(encodeEvents(row), row, gap)
  }
}
