import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from './ports.ts'

test('free ports are unique, can be bound, and are outside the range of ephemeral ports', async () => {
  const ports = (await Promise.all(Array.from({ length: 20 }, () => freePorts(20)))).flat()
  assert.is(new Set(ports).size, 400)
  assert.ok(ports.every((port) => port >= 10_000 && port < 32_768))
  await using server = createServer().listen(ports[0], '127.0.0.1')
  await once(server, 'listening')
  const pairs = (await freePorts(20, 10_000)).flatMap((port) => [port, port + 10_000])
  assert.ok(pairs.every((port) => port < 32_768 && !ports.includes(port)))
})

test.run()
