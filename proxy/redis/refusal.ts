import type { Logger } from '../logger/logger.ts'

/** Why Redis refuses a command: the first word of its error, and what to do. */
export const refusals = {
  READONLY: 'Redis is a replica: point REDIS_URL to the master; mtscope reconnects',
  MASTERDOWN: 'Redis is a replica without its master: check replication, and REDIS_URL',
  OOM: 'the memory of Redis is full: raise maxmemory in redis.conf',
  MISCONF: 'Redis cannot write to its disk: check the free space there, and its log',
  NOPERM: 'an ACL of Redis forbids it: allow the user of REDIS_URL all commands on the keys of REDIS_PREFIX',
  NOAUTH: 'Redis requires a password: write it into REDIS_URL',
  WRONGPASS: 'Redis refuses the password: correct it in REDIS_URL',
  NOREPLICAS: 'Redis has fewer replicas than min-replicas-to-write: start those that are down',
  CLUSTERDOWN: 'a part of the Redis Cluster is down: redis-cli --cluster check names it',
  MOVED: 'Redis is a node of a cluster: write REDIS_URL=redis+cluster://host:6379,host:6379',
  LOADING: 'Redis is loading its data: wait',
  BUSY: 'a script runs for too long in Redis: SCRIPT KILL ends it',
} as const
export type Refusal = keyof typeof refusals
export type RefusalCounts = Record<Refusal, number>

const word = new RegExp(`\\b(${Object.keys(refusals).join('|')})\\b`)

/** The refusal in an error; null for other errors: a wrong call, or a connection that ended. */
export const refusalIn = (error: unknown): Refusal | null =>
  error instanceof Error ? ((word.exec(error.message.slice(0, 300))?.[1] ?? null) as Refusal | null) : null

/** Refusals that a new connection may cure: the name or address may lead to another Redis by now. */
const cured: ReadonlySet<Refusal> = new Set(['READONLY', 'MASTERDOWN'])
const [reconnectMs, probeMs, calmMs] = [2_000, 1_000, 5_000]

/**
 * Watches for refusals and logs each once, except `ignored`. A refusal is over when a write succeeds and Redis refused nothing
 * for some seconds.
 */
export const watchRefusals = (
  logger: Logger,
  probe: () => Promise<unknown>,
  ignored: Refusal | null = null,
) => {
  const counts = Object.fromEntries(Object.keys(refusals).map((reason) => [reason, 0])) as RefusalCounts
  let why: Refusal | null = null
  let refusedAt = 0
  let reconnectedAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    try {
      await probe()
      if (why === null || performance.now() - refusedAt < calmMs) return
      logger('info', 'redis-back', { after: why })
      forget()
    } catch {
      // Refused, which `note` sees as well, or away.
    }
  }
  const forget = (): void => {
    why = null
    clearInterval(timer)
    timer = undefined
  }

  return {
    /** Refusals since the start. */
    counts: counts as Readonly<RefusalCounts>,
    get why() {
      return why
    },
    /** Takes every error reply of Redis; true when the client must reconnect. */
    note(error: Error): boolean {
      const found = refusalIn(error)
      if (found === null || found === ignored) return false
      counts[found]++
      refusedAt = performance.now()
      if (found !== why) logger('error', 'redis-refuses', { reason: found, hint: refusals[found] })
      why = found
      timer ??= setInterval(look, probeMs).unref()
      if (!cured.has(found) || refusedAt - reconnectedAt < reconnectMs) return false
      reconnectedAt = refusedAt
      return true
    },
    forget,
  }
}
