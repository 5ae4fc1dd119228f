import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../kit/skip.ts'
import { ensureRedis, startRedis, startRedisCluster } from './redis.ts'
import { accepts } from './service.ts'

const there = ensureRedis() !== null
const it = skipUnless(test, there, 'redis-server is missing')

const report = (port: number, line: string): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`))
  socket.once('data', (bytes) => resolve(bytes.toString())).once('error', reject)
  return promise.finally(() => socket.destroy())
}

it('Redis has its data again after kill and start', async () => {
  await using redis = await startRedis({ args: ['--appendfsync', 'always'] })
  assert.is(await report(redis.port, 'SET a 1'), '+OK\r\n')
  await redis.kill()
  assert.not(await accepts(redis.port))
  await redis.start()
  assert.is(await report(redis.port, 'GET a'), '$1\r\n1\r\n')
})

it('a disposed Redis leaves no file and no process', async () => {
  const { folder, port } = await (async () => {
    await using redis = await startRedis()
    return { folder: redis.folder, port: redis.port }
  })()
  assert.not(existsSync(folder))
  assert.not(await accepts(port))
})

it('a cluster distributes its keys over three nodes', async () => {
  await using cluster = await startRedisCluster()
  const answers = await Promise.all(cluster.nodes.map(({ port }) => report(port, 'SET somewhere 1')))
  assert.is(answers.filter((answer) => answer.startsWith('+OK')).length, 1)
  assert.is(answers.filter((answer) => answer.startsWith('-MOVED')).length, 2)
})

test.run()
