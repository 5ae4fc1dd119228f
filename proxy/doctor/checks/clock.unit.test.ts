import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { frame, unframe } from '../../../compose/test/kit/client/frames.ts'
import { answerPq, readMessage } from '../../../compose/test/kit/client/messages.ts'
import { answer } from '../../../compose/test/kit/client/obfuscation.ts'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { tlsSite } from '../../../compose/test/kit/servers/site.ts'
import { examine } from '../examine.ts'
import type { Finding } from '../finding.ts'
import { clockCheck, judge } from './clock.ts'

/** A datacenter whose clock is `aheadSeconds` ahead of ours. */
const datacenter = async (aheadSeconds: number) => {
  const serve = (socket: Socket): void => {
    socket.on('error', () => {})
    socket.once('data', (first: Buffer) => {
      const opening = answer(first.subarray(0, 64), undefined)
      if ('refused' in opening) return void socket.destroy()
      const receive = unframe('intermediate', (payload) => {
        const message = readMessage(payload)
        if (message.kind !== 'req-pq') return
        const resPq = answerPq(message.nonce)
        resPq.writeUInt32LE(resPq.readUInt32LE(12) + aheadSeconds, 12)
        socket.write(opening.seal(frame('intermediate', resPq)))
      })
      if (first.length > 64) receive(opening.open(first.subarray(64)))
      socket.on('data', (bytes: Buffer) => receive(opening.open(bytes)))
    })
  }
  const server = createServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const look = async (env: Readonly<Record<string, string>>): Promise<Finding> => {
  const [found] = await examine({ clock: clockCheck }, exampleAbout(env))
  return found!
}

for (const [ahead, verdict] of [
  [0, 'ok'],
  [-20, 'warn'],
  [20, 'warn'],
  [400, 'fail'],
] as const) {
  test(`a datacenter that is ${ahead} s ahead: ${verdict}`, async () => {
    await using dc = await datacenter(ahead)
    const found = await look({ TELEGRAM_DATACENTERS: `2=127.0.0.1:${dc.port}` })
    assert.equal([found.id, found.verdict], ['clock.offset', verdict])
    assert.ok(Math.abs((found.numbers.aheadSeconds ?? 0) + ahead) < 1.5, found.states)
  })
}

test('without a datacenter the time comes from the masking host', async () => {
  await using site = await tlsSite()
  const found = await look({
    TELEGRAM_DATACENTERS: '2=127.0.0.1:1',
    MASK_HOST: site.host,
    MASK_PORT: `${site.port}`,
  })
  assert.is(found.verdict, 'ok', found.states)
  assert.match(found.states, 'the site 127.0.0.1')
})

test('without any answer the clock is unknown', async () => {
  assert.is((await look({ TELEGRAM_DATACENTERS: '2=127.0.0.1:1', MASK_HOST: 'off' })).verdict, 'unknown')
})

test('CLOCK_SKEW is the limit', () => {
  const offset = { aheadMs: -30_000, of: 'datacenter 2' }
  assert.equal([judge(offset, 300).verdict, judge(offset, 30).verdict], ['warn', 'fail'])
  assert.match(judge(offset, 30).states, 'this clock is 30.0 s behind datacenter 2')
})

test.run()
