import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../until.ts'
import { fakeDatacenter } from '../servers/fake-datacenter.ts'
import { connectClient } from './client.ts'
import { clientHello, inRecords } from './client-hello.ts'
import type { Transport } from './frames.ts'

const transports: Transport[] = ['abridged', 'intermediate', 'padded-intermediate']

const rejects = async (promise: Promise<unknown>): Promise<void> => {
  const failed = await promise.then(
    () => false,
    () => true,
  )
  assert.ok(failed)
}

for (const transport of transports)
  test(`client and datacenter exchange messages over ${transport}`, async () => {
    await using dc = await fakeDatacenter()
    await using client = await connectClient({ mode: 'direct', port: dc.port, transport, splitAt: 'every' })
    const { pq, fingerprints } = await client.reqPq()
    assert.ok(pq > 1n << 58n && pq < 1n << 63n)
    assert.is(fingerprints.length, 2)
    for (const size of [0, 4, 500, 508, 60_000]) {
      const sent = randomBytes(size)
      assert.equal(await client.echo(sent), sent)
    }
    await client.download(3_000_001)
    await client.upload(3_000_001)
    assert.is(dc.served.at(-1)?.transport, transport)
  })

/** Bytes of all buffers after a garbage collection. */
const heldBytes = (): number => {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().arrayBuffers
}

test('a datacenter keeps none of the bytes of connections that have closed', async () => {
  await using dc = await fakeDatacenter()
  const before = heldBytes()
  for (let i = 0; i < 100; i++) {
    await using client = await connectClient({ mode: 'direct', port: dc.port, opening: 'with-request' })
    await client.upload(200_000)
    client.end()
    await client.closed
  }
  assert.is(dc.served.length, 100)
  await Promise.all(dc.served.map(({ closed }) => closed))
  // The event loop releases some of them only in its next turns.
  await until(() => heldBytes() - before < 1 << 20, 'the bytes of the closed connections are released')
})

test('a datacenter closes a connection with a reserved start, and records a complaint', async () => {
  await using dc = await fakeDatacenter()
  for (const start of ['ef', '48454144', 'dddddddd', 'eeeeeeee', '16030102', 'aabbccdd00000000']) {
    await using client = await connectClient({ mode: 'direct', port: dc.port, opening: 'with-request' })
    const bytes = randomBytes(64)
    bytes.set(Buffer.from(start, 'hex'))
    client.socket.write(bytes)
    await client.closed
  }
  assert.is(dc.complaints.length, 6)
  dc.complaints.length = 0
})

test('a download continues after the client’s FIN, and an upload after the datacenter’s FIN', async () => {
  await using dc = await fakeDatacenter()
  await using one = await connectClient({ mode: 'direct', port: dc.port })
  await one.downloadAfterEnd(2_000_000)
  const opened = dc.next()
  await using other = await connectClient({ mode: 'direct', port: dc.port })
  const served = await opened
  await other.downloadThenFin(1000)
  const sent = await other.sendSink(500_000)
  other.end()
  await served.closed
  assert.equal(served.sunk(), sent)
})

test('a stopped datacenter refuses connections, and starts again on the same port', async () => {
  await using dc = await fakeDatacenter()
  await dc.goAway()
  await rejects(connectClient({ mode: 'direct', port: dc.port }))
  await dc.comeBack()
  await using client = await connectClient({ mode: 'direct', port: dc.port })
  await client.reqPq()
})

test('a hello is as long as that of Chrome', () => {
  const secret = randomBytes(16)
  assert.is(clientHello({ secret, domain: 'mask.test' }).bytes.length, 517)
  const large = clientHello({ secret, domain: 'mask.test', postQuantum: true }).bytes
  assert.ok(large.length > 1700 && large.length < 1950, `${large.length}`)
  assert.is(inRecords(large, 3).length, large.length + 10)
})

test.run()
