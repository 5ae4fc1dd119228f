import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { examine } from '../examine.ts'
import type { Live } from '../finding.ts'
import { readLive } from '../live.ts'
import { listenerCheck } from './listener.ts'

const running: Live = { openFds: 60, maxFds: 65_536, connections: 0 }

const listener = (port: number, live: Live | null) =>
  examine(
    { listener: listenerCheck },
    exampleAbout({ MTPROTO_PORT: `${port}`, MTPROTO_HOST: '127.0.0.1' }, live),
  )

test('the owner of the port is found without taking the port', async () => {
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

test('another proxy on METRICS_PORT is not mistaken for this one', async () => {
  const { config } = exampleAbout()
  const demo = readLive(
    [
      'mtscope_build_info{version="0.1.0",node="demo"} 1',
      'mtscope_doctor_finding{area="listener",check="listener.port",verdict="ok"} 1',
      'mtscope_doctor_finding{area="listener",check="listener.port",verdict="fail"} 0',
    ].join('\n'),
  )
  assert.equal([demo?.node, demo?.listens], ['demo', true])
  assert.is(readLive('up 1'), null)
  // tcpmux, which no program uses.
  const verdict = async (live: Live | null) => verdictsOf(await listener(1, live))['listener.port']
  assert.is(await verdict(demo), 'warn')
  assert.is(await verdict({ ...running, node: 'demo' }), 'warn')
  assert.is(await verdict({ ...running, node: config.node, listens: true }), 'warn')
  assert.is(await verdict({ ...running, node: config.node, listens: false }), 'fail')
})

test.run()
