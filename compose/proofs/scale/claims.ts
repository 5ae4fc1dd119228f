import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connectRedis } from '../../../proxy/redis/connect.ts'
import { sharedClaims } from '../../../proxy/replay-cache/redis.ts'
import { startRedis } from '../../test/services/redis.ts'
import { until } from '../../test/until.ts'
import { redisStats } from './measure.ts'

/** The shared replay cache under the claims of many proxies. CPU is that of Redis, seconds. */
export type Claims = {
  readonly claims: number
  readonly seconds: number
  readonly redis: number
  /** Memory of one handshake in Redis, bytes. */
  readonly bytes: number
  /** Claims that Redis did not answer within 50 ms. */
  readonly unanswered: number
}

const windowMs = 3_600_000
/** Claims that a proxy has under way at the same time. */
const underWay = 2

/** Claims `each` handshakes through each of `proxies` connections of its own, in a fresh Redis. */
export const measureClaims = async (proxies: number, each: number): Promise<Claims> => {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startRedis())
  const asking = connectRedis({ urls: [server.url], prefix: 'mtscope' }, 'scale', () => {})
  stack.defer(() => asking.disconnect())
  if (asking.status !== 'ready') await once(asking, 'ready')
  const empty = await redisStats(asking)
  const clients = Array.from({ length: proxies }, () =>
    connectRedis({ urls: [server.url], prefix: 'mtscope' }, 'proxy', () => {}),
  )
  stack.defer(() => {
    for (const client of clients) client.disconnect()
  })
  await Promise.all(clients.map((client) => (client.status === 'ready' ? null : once(client, 'ready'))))
  const before = await redisStats(asking)
  const since = performance.now()
  const counts = await Promise.all(
    clients.map(async (redis) => {
      const shared = sharedClaims({ redis, prefix: 'mtscope', windowMs })
      const lane = async (): Promise<void> => {
        for (let n = 0; n < each / underWay; n++)
          await shared.claim(randomBytes(16).toString('hex'), randomBytes(16).toString('hex'))
      }
      await Promise.all(Array.from({ length: underWay }, lane))
      return shared.counts
    }),
  )
  const seconds = (performance.now() - since) / 1_000
  const after = await redisStats(asking)
  // Without the buffers of the connections.
  for (const client of clients) client.disconnect()
  await until(async () => (await redisStats(asking)).clients === 1, 'the other connections are closed')
  const keys = await asking.dbsize()
  return {
    claims: keys,
    seconds,
    redis: after.cpu - before.cpu,
    bytes: ((await redisStats(asking)).memory - empty.memory) / keys,
    unanswered: counts.reduce((sum, { unanswered }) => sum + unanswered, 0),
  }
}
