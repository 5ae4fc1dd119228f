import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { frame, unframe } from '../../compose/test/kit/client/frames.ts'
import { answerPq, readMessage } from '../../compose/test/kit/client/messages.ts'
import { answer } from '../../compose/test/kit/client/obfuscation.ts'
import { fakeDatacenter } from '../../compose/test/kit/servers/fake-datacenter.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { randomPool } from '../wire/random.ts'
import type { Address, Directory } from './directory.ts'
import { startProber } from './probe.ts'
import { answersPq, askPq, probe } from './res-pq.ts'

type Probed = Extract<ProxyEvent, { type: 'datacenter.probed' }>

const nonce = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const random = randomPool()
const at = (port: number, host = '127.0.0.1'): Address => ({ host, port, family: 'ipv4' })

const framed = (payload: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(payload.length)
  return Buffer.concat([length, payload])
}

type Talker = AsyncDisposable & { readonly port: number; close(): Promise<void> }

const talking = async (talk: (socket: Socket) => void, port = 0): Promise<Talker> => {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    talk(socket)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await server[Symbol.asyncDispose]()
  }
  return { port: (server.address() as { port: number }).port, close, [Symbol.asyncDispose]: close }
}

/** A minimal datacenter: the obfuscated intermediate transport, and an answer to `req_pq_multi`. */
const answering = (port?: number): Promise<Talker> =>
  talking((socket) => {
    let opening: Exclude<ReturnType<typeof answer>, { refused: string }> | undefined
    const receive = unframe('intermediate', (payload) => {
      const message = readMessage(payload)
      if (message.kind === 'req-pq')
        socket.write(opening!.seal(frame('intermediate', answerPq(message.nonce))))
    })
    // Over loopback the 108 bytes of a probe arrive in one piece.
    socket.on('data', (bytes: Buffer) => {
      const first = answer(bytes.subarray(0, 64), undefined)
      if ('refused' in first) return void socket.destroy()
      opening = first
      receive(first.open(bytes.subarray(64)))
    })
  }, port)

const asking = (port: number, more: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  probe({ address: at(port), id: 2, random, timeoutMs: 5_000, signal: new AbortController().signal, ...more })

const intervalMs = 15
const probing = (directory: Directory, onRanking?: (ranked: Directory) => void, now = () => 77) => {
  const stopping = new AbortController()
  const received: Probed[] = []
  let waiting: { enough: (probes: readonly Probed[]) => boolean; resolve: () => void } | undefined
  const prober = startProber({
    directory,
    intervalMs,
    emit: (event) => {
      if (event.type === 'datacenter.probed') received.push(event)
      if (waiting?.enough(received)) waiting.resolve()
    },
    now,
    signal: stopping.signal,
    ...(onRanking ? { onRanking } : {}),
  })
  return {
    prober,
    until: (enough: (probes: readonly Probed[]) => boolean): Promise<readonly Probed[]> =>
      new Promise((resolve) => {
        waiting = { enough, resolve: () => resolve([...received]) }
      }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      await prober.stopped
    },
  }
}

test('an independent implementation reads the request as req_pq_multi, at any time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (time) => {
      const message = readMessage(askPq(nonce, time).subarray(4))
      assert.equal(message, { kind: 'req-pq', nonce })
    }),
  )
})

test('an answer is recognised as soon as it is complete, at any split', () => {
  const answer = framed(answerPq(nonce))
  for (let length = 0; length < answer.length; length++) {
    assert.is(answersPq(answer.subarray(0, length), nonce), null, `${length} bytes`)
  }
  assert.is(answersPq(answer, nonce), true)
})

test('another nonce, a transport error and an endless frame are not answers', () => {
  assert.is(answersPq(framed(answerPq(Buffer.alloc(16))), nonce), false)
  assert.is(answersPq(framed(Buffer.from('6cfeffff', 'hex')), nonce), false)
  assert.is(answersPq(Buffer.from('ffffff7f', 'hex'), nonce), false)
})

test('no bytes make the reader throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      answersPq(Buffer.from(bytes), nonce)
    }),
  )
})

test('a datacenter that answers is measured by its number, and the connection closed', async () => {
  await using datacenter = await fakeDatacenter()
  const [served, outcome] = await Promise.all([datacenter.next(), asking(datacenter.port)])
  assert.ok(outcome.ok && outcome.tcpMs > 0 && outcome.resPqMs > 0)
  assert.is(served.dc, 2)
  assert.is(served.transport, 'intermediate')
  await served.closed
})

test('a server that is not a datacenter has the error of what it did', async () => {
  await using garbage = await talking((socket) => socket.write(Buffer.alloc(64, 1)))
  await using silent = await talking(() => {})
  await using closing = await talking((socket) => socket.resume().end())
  await using resetting = await talking((socket) => socket.once('data', () => socket.resetAndDestroy()))
  const [closed = 0] = await freePorts(1)
  assert.equal(await asking(closed), { ok: false, error: 'refused' })
  assert.equal(await asking(garbage.port), { ok: false, error: 'protocol' })
  assert.equal(await asking(silent.port, { timeoutMs: 30 }), { ok: false, error: 'timeout' })
  assert.equal(await asking(closing.port), { ok: false, error: 'reset' })
  assert.equal(await asking(resetting.port), { ok: false, error: 'reset' })
})

test('a probe under way ends with its signal', async () => {
  const stopping = new AbortController()
  await using silent = await talking(() => stopping.abort())
  assert.is((await asking(silent.port, { signal: stopping.signal })).ok, false)
})

test('every datacenter and media address is probed repeatedly, test datacenters never', async () => {
  await using datacenter = await answering()
  const { port } = datacenter
  await using probes = probing(
    new Map([
      [2, [at(port)]],
      [-2, [at(port)]],
      [10_002, [at(port)]],
    ]),
  )
  const received = await probes.until((all) =>
    [true, false].every((media) => all.filter((one) => one.media === media).length >= 3),
  )
  const kinds = new Set(received.map(({ dc, media }) => `${dc} ${media}`))
  assert.equal([...kinds].sort(), ['2 false', '2 true'])
  for (const { at: time, address, resPqMs, error } of received) {
    assert.equal([time, address, error], [77, `127.0.0.1:${port}`, undefined])
    assert.ok(resPqMs !== undefined && resPqMs > 0)
  }
})

test('an address that stops answering moves back, and one that returns answers again', async () => {
  // Returns later: a port that no connection gets meanwhile.
  await using first = await answering((await freePorts(1))[0])
  await using second = await answering()
  const directory: Directory = new Map([[2, [at(first.port), at(second.port)]]])
  const rankings: number[][] = []
  await using probes = probing(directory, (ranked) =>
    rankings.push((ranked.get(2) ?? []).map(({ port }) => port)),
  )
  const from =
    ({ port }: { port: number }, error?: string) =>
    (probe: Probed) =>
      probe.address.endsWith(`:${port}`) && probe.error === error
  await probes.until((all) => all.some(from(first)) && all.some(from(second)))
  await first.close()
  await probes.until((all) => all.some(from(first, 'refused')))
  assert.equal(rankings.at(-1), [second.port, first.port])
  assert.equal(
    (probes.prober.ranked().get(2) ?? []).map(({ port }) => port),
    [second.port, first.port],
  )
  await using _again = await answering(first.port)
  await probes.until((all) => from(first)(all.findLast(({ address }) => address.endsWith(`:${first.port}`))!))
})

test('a family without a route is probed less and less', async () => {
  await using datacenter = await answering()
  // No kernel routes TCP to the broadcast address: it stands for a family without a route, as IPv6 on many hosts.
  const nowhere: Address = { host: '255.255.255.255', port: 443, family: 'ipv6' }
  const directory: Directory = new Map([[2, [at(datacenter.port), nowhere]]])
  await using probes = probing(directory, undefined, () => performance.now())
  const ofFamily = (all: readonly Probed[], which: string) => all.filter(({ family }) => family === which)
  const received = await probes.until((all) => ofFamily(all, 'ipv6').length >= 6)
  const failed = ofFamily(received, 'ipv6')
  assert.ok(failed.every(({ error }) => error === 'unreachable'))
  const gaps = failed.slice(1).map(({ at: time }, i) => time - failed[i]!.at)
  // May be late on a busy machine; early by at most the jitter.
  for (const [i, gap] of gaps.entries())
    assert.ok(gap > 0.8 * intervalMs * [2, 4, 8, 16, 16][i]!, gaps.join())
  assert.ok(ofFamily(received, 'ipv4').length > 0)
})

test.run()
