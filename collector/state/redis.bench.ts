import { cpus } from 'node:os'
import { probe, sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { decodeMessage, encodeEvents, encodeMessage } from '../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { connectRedis } from '../../proxy/redis/connect.ts'
import { takePartition } from './redis-hold.ts'

// `node collector/state/redis.bench.ts redis://127.0.0.1:6379`: the CPU that a fleet takes in the collector and its Redis.
// Replaces the data under the prefix `bench`. 20 proxies, 100 users, 5 datacenters, 100 events per message.

const [, , url] = process.argv
if (url === undefined) throw new Error('usage: node collector/state/redis.bench.ts redis://127.0.0.1:6379')
const prefix = 'bench'
const redis = connectRedis({ urls: [url], prefix }, 'bench', () => {})
await new Promise((resolve) => redis.once('ready', resolve))

const info = async (section: string, field: string): Promise<string> =>
  new RegExp(`${field}:([^\\r\\n]*)`).exec(await redis.info(section))?.[1] ?? ''
/** User and system seconds of redis-server so far. */
const serverCpu = async (): Promise<number> =>
  Number(await info('cpu', 'used_cpu_user')) + Number(await info('cpu', 'used_cpu_sys'))
const ownCpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
const print = (label: string, value: number, unit: string): void =>
  console.log(`${label.padEnd(62)} ${value.toFixed(value < 10 ? 2 : 0).padStart(9)} ${unit}`)

const [nodes, users, dcs] = [20, 100, 5]
const start = Date.now() - 1_800_000

/** The events of a proxy in `seconds`, with ten connections per second, in messages of 100 events. */
const messagesOf = (node: number, seconds: number): string[] => {
  const events: ProxyEvent[] = []
  for (let second = 0; second < seconds; second++) {
    const at = start + second * 1000
    for (let i = 0; i < 10; i++) {
      const n = (node * 7 + second * 10 + i) % 1e6
      const of = {
        at: at + i * 90,
        user: `user-${n % users}`,
        dc: 1 + (n % dcs),
        mode: n % 3 ? 'tls' : 'secure',
      } as const
      events.push(
        ...session({ ...of, toClient: 12_000 + n, toDatacenter: 900, reason: n % 9 ? 'done' : 'reset' }),
      )
    }
    if (second % 10 === 0) events.push(sampled(at), probe(at, 40 + node, 1 + (second % dcs)))
  }
  const messages: string[] = []
  for (let i = 0; i < events.length; i += 100) {
    const text = encodeEvents(events.slice(i, i + 100))
    messages.push(encodeMessage({ node: `proxy-${node}`, boot: 'b1', seq: i + 1, text }))
  }
  return messages
}

/** Messages of all proxies, ordered by time. */
const traffic = (seconds: number): string[] => {
  const each = Array.from({ length: nodes }, (_, node) => messagesOf(node, seconds))
  return (each[0] ?? []).flatMap((_, i) => each.flatMap((messages) => messages[i] ?? []))
}

const emptied = async (): Promise<void> => {
  for (let keys = await redis.keys(`${prefix}:*`); keys.length > 0; keys = await redis.keys(`${prefix}:*`))
    await redis.del(keys)
}

const messages = traffic(600)
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}, Redis ${await info('server', 'redis_version')}`,
)
console.log(`${messages.length} messages`)

for (const most of [2_000, 5_000, 20_000]) {
  await emptied()
  await redis.config('RESETSTAT')
  const hold = await takePartition({ redis, prefix, partition: 0 })
  const [began, own, server] = [performance.now(), ownCpu(), await serverCpu()]
  let events = 0
  let commits = 0
  for (const [index, message] of messages.entries()) {
    const decoded = decodeMessage(message)
    if ('error' in decoded) throw new Error(decoded.error)
    events += hold.fold(decoded).folded
    if (hold.cost < most && index < messages.length - 1) continue
    await hold.commit(index + 1, messages.length)
    commits++
  }
  const seconds = (performance.now() - began) / 1000
  console.log(`\n${most} keys and arguments per commit`)
  print('events per second, decoded, folded and committed', events / seconds, '/s')
  print('events per commit', events / commits, '')
  print('CPU of the collector', ((ownCpu() - own) / events) * 1e6, 'µs/event')
  print('CPU of redis-server', (((await serverCpu()) - server) / events) * 1e6, 'µs/event')
  print(
    'commit in Redis',
    Number(/usec_per_call=([\d.]+)/.exec(await info('commandstats', 'cmdstat_evalsha'))?.[1]) / 1000,
    'ms',
  )
}
