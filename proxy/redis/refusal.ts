import type { Logger } from '../logger/logger.ts'

/** Why Redis does not do what it is asked, though it answers: the first word of its error. */
export const refusals = {
  READONLY: 'it is a replica: REDIS_URL must lead to the master; it is connected to again by itself',
  MASTERDOWN: 'it is a replica without its master: look at replication, and where REDIS_URL leads',
  OOM: 'its memory is full: raise maxmemory in redis.conf',
  MISCONF: 'it cannot write to its disk: look at the free space there and at its log',
  NOPERM: 'its ACL forbids it: allow the user of REDIS_URL all commands on the keys of REDIS_PREFIX',
  NOAUTH: 'it asks for a password: write it into REDIS_URL',
  WRONGPASS: 'it takes no such password: look at REDIS_URL',
  NOREPLICAS: 'it has fewer replicas than min-replicas-to-write: look at them',
  CLUSTERDOWN: 'a part of the cluster is away: redis-cli --cluster check names it',
  LOADING: 'it is reading its data: wait',
  BUSY: 'a script runs for too long: SCRIPT KILL ends it',
} as const
export type Refusal = keyof typeof refusals

const word = new RegExp(`\\b(${Object.keys(refusals).join('|')})\\b`)

/** Null for an error that is none of them: the call was wrong, or the connection ended. */
export const refusalIn = (error: unknown): Refusal | null =>
  error instanceof Error ? ((word.exec(error.message.slice(0, 300))?.[1] ?? null) as Refusal | null) : null

/** A replica stays one: a name or an address may lead to another Redis by now. */
const cured: ReadonlySet<Refusal> = new Set(['READONLY', 'MASTERDOWN'])
const [reconnectMs, probeMs, calmMs] = [2_000, 1_000, 5_000]

/**
 * Watches what Redis refuses, and tells it once. It is over when a write is taken again and nothing was refused for some
 * seconds.
 */
export const watchRefusals = (logger: Logger, probe: () => Promise<unknown>) => {
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
      // Refused, which is noted where each reply comes, or away.
    }
  }
  const forget = (): void => {
    why = null
    clearInterval(timer)
    timer = undefined
  }

  return {
    get why() {
      return why
    },
    /** Of each error that Redis replies with; whether to connect again. */
    note(error: Error): boolean {
      const found = refusalIn(error)
      if (found === null) return false
      refusedAt = performance.now()
      if (found !== why) logger('error', 'redis-refuses', { why: found, hint: refusals[found] })
      why = found
      timer ??= setInterval(look, probeMs).unref()
      if (!cured.has(found) || refusedAt - reconnectedAt < reconnectMs) return false
      reconnectedAt = refusedAt
      return true
    },
    forget,
  }
}
