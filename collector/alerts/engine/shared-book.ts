import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Logger } from '../../../proxy/logger/logger.ts'
import { type RedisClient, script } from '../../../proxy/redis/connect.ts'
import { alertKey } from '../../../proxy/redis/keys.ts'
import { type AlertBook, openAlertBook } from './book.ts'

/** Alerts of a whole fleet that waits for its target: 1,000 nodes that fall silent and return are 2,000. */
const mostWaiting = 10_000
const silent: Logger = () => {}
const writeAlerts = script('alert')

/** The book of alerts in Redis. Every collector of a fleet reads it; the one that holds the lease writes it. */
export type SharedBook = {
  readonly book: AlertBook
  /** Reads the book if another collector has written it. */
  read(): Promise<void>
  /** Writes events into the book and the outboxes; false if another collector took the lease or wrote first. */
  write(events: readonly AlertEvent[]): Promise<boolean>
}

export const createSharedBook = (options: {
  readonly redis: RedisClient
  readonly prefix: string
  /** The holder of the lease that this collector claims to be. */
  readonly owner: string
  readonly outboxes: readonly string[]
  readonly logger: Logger
}): SharedBook => {
  const { redis, prefix, owner, outboxes, logger } = options
  const keys = ['lease', 'book', ...outboxes].map((name) => alertKey(prefix, name))
  let text: string | null = null
  let version = '0'
  let book = openAlertBook(null, () => {}, silent)
  return {
    get book() {
      return book
    },
    read: async () => {
      const [stored, found] = await redis.hmget(alertKey(prefix, 'book'), 'version', 'text')
      if ((stored ?? '0') === version) return
      version = stored ?? '0'
      text = found ?? null
      book = openAlertBook(text, () => {}, silent)
    },
    write: async (events) => {
      let written = ''
      const lines: Parameters<Logger>[] = []
      const next = openAlertBook(
        text,
        (changed) => {
          written = changed
        },
        (...line) => lines.push(line),
      )
      for (const event of events) next.deliver(event)
      const messages = events.map((event) => JSON.stringify(event))
      const args = [owner, version, written, mostWaiting, `${prefix}:alerts`, ...messages]
      if ((await writeAlerts(redis, keys, args)) !== 1) return false
      book = next
      text = written
      version = String(Number(version) + 1)
      // Logged only now: a refused write raised nothing.
      for (const line of lines) logger(...line)
      return true
    },
  }
}
