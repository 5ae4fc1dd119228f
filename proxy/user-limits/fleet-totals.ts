import type { RedisClient } from '../redis/connect.ts'
import { partitionKey, userBytes } from '../redis/keys.ts'
import { bucketOf, type Period, periods, type Totals } from './usage.ts'

/** Users in one question, at most: what they need of the replies stays small. */
const MOST = 1_000

const spanOf = { day: 'day', month: 'month', total: 'ever' } as const satisfies Record<Period, string>

/** Reads the totals of users from the aggregates that the collectors keep in Redis: those of all partitions together. */
export const fleetTotals = (redis: RedisClient, prefix: string) => {
  let partitions = 0

  /** A partition has its state from the moment that a collector takes it. */
  const count = async (): Promise<void> => {
    while ((await redis.exists(partitionKey(prefix, partitions, 'meta'))) === 1) partitions++
  }

  const sumOf = async (users: readonly string[], period: Period, now: number): Promise<number[]> => {
    const fields = users.flatMap((user) => Object.values(userBytes).map((name) => `${name}/${user}`))
    const name = `${spanOf[period]}:${bucketOf(period, now)}`
    const read = await Promise.all(
      Array.from({ length: partitions }, (_, at) => redis.hmget(partitionKey(prefix, at, name), ...fields)),
    )
    return users.map((_, at) =>
      read.reduce((sum, values) => sum + Number(values[2 * at] ?? 0) + Number(values[2 * at + 1] ?? 0), 0),
    )
  }

  /** Rejects with errors of Redis. */
  return async (users: readonly string[], now: number): Promise<Map<string, Totals>> => {
    const totals = new Map<string, Totals>()
    await count()
    for (let from = 0; from < users.length; from += MOST) {
      const some = users.slice(from, from + MOST)
      const [day, month, total] = await Promise.all(periods.map((period) => sumOf(some, period, now)))
      for (const [at, user] of some.entries())
        totals.set(user, { day: day![at]!, month: month![at]!, total: total![at]! })
    }
    return totals
  }
}
