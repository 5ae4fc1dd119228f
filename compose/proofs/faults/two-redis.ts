import { connectRedis } from '../../../proxy/redis/connect.ts'
import { type Redis, startRedis } from '../../test/services/redis.ts'
import { until } from '../../test/until.ts'
import { startForwarder } from './forwarder.ts'

/** An address that leads to the master of two Redis servers. Open connections stay with the server that they reached. */
export const startTwoRedis = async () => {
  await using stack = new AsyncDisposableStack()
  let master: Redis | null = null
  let other: Redis | null = null
  const way = stack.use(await startForwarder(() => master?.port ?? 1))
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
    /** Sets the first master. */
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
      await until(() => isReplica(to), 'the replica has all data', 60_000)
      // The master hands over only to a replica that has acknowledged once.
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
