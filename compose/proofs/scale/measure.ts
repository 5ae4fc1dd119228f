import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { processKeys } from '../../../collector/fold/projections/processes.ts'
import type { RedisClient } from '../../../proxy/redis/connect.ts'
import { partitionKey } from '../../../proxy/redis/keys.ts'
import { type Appliance, cpuOf } from '../../test/kit/processes/harness.ts'
import type { Kafka } from '../../test/services/kafka.ts'

/** What a fleet has taken so far. CPU in seconds. */
export type Spent = {
  readonly atMs: number
  readonly folded: number
  readonly collectors: number
  readonly kafka: number
  readonly redis: number
  /** Commands of Redis, those inside scripts included; and calls of scripts. */
  readonly commands: number
  readonly scripts: number
  readonly fromRedis: number
  readonly toRedis: number
}

export type Measured = {
  readonly kafka: Kafka
  readonly redis: RedisClient
  readonly prefix: string
  readonly partitions: number
}

const numberIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? 0)

const callsIn = (stats: string, wanted: (command: string) => boolean): number =>
  [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    .filter(([, command = '']) => wanted(command))
    .reduce((sum, [, , calls]) => sum + Number(calls), 0)

const isOurs = (command: string): boolean => command === 'info' || command.startsWith('memory')

/** CPU (seconds), memory (bytes) and clients of Redis. */
export const redisStats = async (
  redis: RedisClient,
): Promise<{ readonly cpu: number; readonly memory: number; readonly clients: number }> => {
  const info = await redis.info()
  return {
    cpu: numberIn(info, 'used_cpu_user') + numberIn(info, 'used_cpu_sys'),
    memory: numberIn(info, 'used_memory'),
    clients: numberIn(info, 'connected_clients'),
  }
}

/** Events in the state in Redis. */
export const foldedIn = async ({ redis, prefix, partitions }: Measured): Promise<number> => {
  const counts = await Promise.all(
    Array.from({ length: partitions }, (_, partition) =>
      redis.hget(partitionKey(prefix, partition, 'ever:0'), processKeys.events),
    ),
  )
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
}

export const spent = async (from: Measured, collectors: readonly Appliance[]): Promise<Spent> => {
  const [info, stats, folded, kafka, ...own] = await Promise.all([
    from.redis.info(),
    from.redis.info('commandstats'),
    foldedIn(from),
    cpuOf(from.kafka.pid),
    ...collectors.map((collector) => collector.cpuSeconds()),
  ])
  return {
    atMs: performance.now(),
    folded,
    collectors: own.reduce((sum, seconds) => sum + seconds, 0),
    kafka,
    redis: numberIn(info, 'used_cpu_user') + numberIn(info, 'used_cpu_sys'),
    commands: callsIn(stats, (command) => !isOurs(command)),
    scripts: callsIn(stats, (command) => command === 'evalsha' || command === 'eval'),
    fromRedis: numberIn(info, 'total_net_output_bytes'),
    toRedis: numberIn(info, 'total_net_input_bytes'),
  }
}

/** The difference of two. */
export const between = (before: Spent, after: Spent): Spent & { readonly seconds: number } => ({
  atMs: after.atMs,
  seconds: (after.atMs - before.atMs) / 1_000,
  folded: after.folded - before.folded,
  collectors: after.collectors - before.collectors,
  kafka: after.kafka - before.kafka,
  redis: after.redis - before.redis,
  commands: after.commands - before.commands,
  scripts: after.scripts - before.scripts,
  fromRedis: after.fromRedis - before.fromRedis,
  toRedis: after.toRedis - before.toRedis,
})

/** Bytes of the logs of the topic of events, without indexes. */
export const topicBytes = ({ kafka, prefix }: Measured): number => {
  const data = join(kafka.folder, 'data')
  return readdirSync(data)
    .filter((name) => name.startsWith(`${prefix}.events-`))
    .flatMap((name) => readdirSync(join(data, name)).map((file) => join(data, name, file)))
    .filter((path) => path.endsWith('.log'))
    .reduce((sum, path) => sum + statSync(path).size, 0)
}

/** Bytes of Redis by what the fields are about, and the fields of which a node, user or datacenter has so many. */
export type RedisMemory = {
  readonly total: number
  readonly node: number
  readonly user: number
  readonly dc: number
  readonly other: number
  readonly fields: number
}

type Kind = 'node' | 'user' | 'dc' | 'other'

const kindOf = (name: string, field: string): Kind => {
  if (name.startsWith('boot:') || name === 'emitters' || /\/node-\d+$/.test(field)) return 'node'
  if (/\/user-\d+$/.test(field)) return 'user'
  return /\/\d+(?:$|\/)/.test(field) ? 'dc' : 'other'
}

/** Shares the memory of each hash among its fields. Every key is looked at. */
export const redisMemory = async ({ redis, prefix, partitions }: Measured): Promise<RedisMemory> => {
  const sums = { node: 0, user: 0, dc: 0, other: 0, fields: 0 }
  for (let partition = 0; partition < partitions; partition++) {
    const names = await redis.zrangebyscore(partitionKey(prefix, partition, 'dirty'), '-inf', '+inf')
    for (const name of names) {
      const key = partitionKey(prefix, partition, name)
      const [bytes, fields] = await Promise.all([
        redis.memory('USAGE', key, 'SAMPLES', '0'),
        redis.hkeys(key),
      ])
      const each = fields.length === 0 ? 0 : Number(bytes ?? 0) / fields.length
      for (const field of fields) sums[kindOf(name, field)] += each
      sums.fields += fields.length
    }
  }
  return { ...sums, total: numberIn(await redis.info('memory'), 'used_memory') }
}

export type Scraped = { readonly ms: number; readonly bytes: number; readonly series: number }

/** The median of five requests. */
export const scrape = async (collector: Appliance, path: string): Promise<Scraped> => {
  const times: number[] = []
  let text = ''
  for (let n = 0; n < 5; n++) {
    const since = performance.now()
    text = await (await fetch(`${collector.metricsUrl}${path}`)).text()
    times.push(performance.now() - since)
  }
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  return { ms: times.sort((a, b) => a - b)[2] ?? 0, bytes: text.length, series }
}

/** The largest resident memory that a process had, bytes. */
export const peakRss = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024
