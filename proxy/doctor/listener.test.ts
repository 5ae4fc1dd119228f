import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { examine } from './examine.ts'
import { exampleAbout, verdictsOf } from './example.ts'
import type { Live } from './finding.ts'
import { listenerCheck } from './listener.ts'

const running: Live = { openFds: 60, maxFds: 65_536, connections: 0 }

const listener = (port: number, live: Live | null) =>
  examine(
    { listener: listenerCheck },
    exampleAbout({ MTPROTO_PORT: `${port}`, MTPROTO_HOST: '127.0.0.1' }, live),
  )

test('who has the port is known without taking it', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  assert.equal(verdictsOf(await listener(port, running)), {
    'listener.port': 'ok',
    'listener.connect': 'ok',
    'listener.public': 'unknown',
  })
  assert.is(verdictsOf(await listener(port, null))['listener.port'], 'warn')
  await server[Symbol.asyncDispose]()
  assert.is(verdictsOf(await listener(port, null))['listener.port'], 'note')
  assert.is(verdictsOf(await listener(port, running))['listener.port'], 'fail')
})

test.run()
