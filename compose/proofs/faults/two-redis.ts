import { connectRedis } from '../../../proxy/redis/connect.ts'
import { type Redis, startRedis } from '../../test/services/redis.ts'
import { until } from '../../test/until.ts'
import { startWay } from './black-hole.ts'

/** An address that leads to the master of two Redis; connections that are there stay with the one they were made to. */
export const startTwoRedis = async () => {
  await using stack = new AsyncDisposableStack()
  let master: Redis | null = null
  let other: Redis | null = null
  const way = stack.use(await startWay(() => master?.port ?? 1))
  const kept = stack.move()

  const ask = async <T>(redis: Redis, question: (client: ReturnType<typeof connectRedis>) => Promise<T>) => {
    const client = connectRedis({ urls: [redis.url], prefix: 'two' }, 'fail-over', () => {})
    try {
      await new Promise((resolve) => client.once('ready', resolve))
      return await question(client)
    } finally {
      client.disconnect()
    }
  }

  return {
    url: `redis://127.0.0.1:${way.port}`,
    /** The one that is master at first. */
    lead: (to: Redis): void => {
      master = to
    },
    failOver: async (): Promise<void> => {
      const from = master!
      if (other === null) {
        other = kept.use(await startRedis({ args: ['--replicaof', `127.0.0.1 ${from.port}`] }))
      }
      const to = other
      const isReplica = async (redis: Redis): Promise<boolean> =>
        (await ask(redis, (client) => client.info('replication'))).includes('master_link_status:up')
      await until(() => isReplica(to), 'the other Redis has everything', 60_000)
      // A replica counts as online from its first acknowledgement on.
      const begun = (): Promise<boolean> =>
        ask(from, (client) => client.call('FAILOVER', 'TO', '127.0.0.1', String(to.port))).then(
          () => true,
          () => false,
        )
      await until(begun, 'the master hands over', 60_000)
      await until(() => isReplica(from), 'the old master is a replica', 60_000)
      ;[master, other] = [to, from]
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
