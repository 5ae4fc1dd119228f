import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pointer } from '../../wire/native.ts'
import { HEAD, type Link, type ListenOptions, PULSE_MS, unattached } from '../link.ts'
import { portableEngine } from '../node-net/engine.ts'
import { nativeEngine } from './engine.ts'
import * as c from './libc.ts'
import type { NativeLink } from './link.ts'
import { congestionOf, refusalOf } from './tcp.ts'

const onLinux = c.libc === null ? test.skip : test

/** One accepted client, and the socket at its other end. */
const accepting = async (options: Partial<ListenOptions> = {}) => {
  const lines: string[] = []
  const engine = nativeEngine(300_000, (line) => lines.push(line))
  assert.ok(engine)
  const accepted = Promise.withResolvers<Link>()
  const listening = await engine.listen({
    host: '127.0.0.1',
    port: 0,
    userTimeoutMs: 10_000,
    accepted: accepted.resolve,
    exhausted: () => {},
    ...options,
  })
  engine.run({ pulse: () => {}, patience: () => PULSE_MS }, (error) => assert.unreachable(String(error)))
  const socket: Socket = connect(listening.port, '127.0.0.1')
  const link = (await accepted.promise) as NativeLink
  return {
    link,
    socket,
    lines,
    congestion: listening.congestion,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      listening.close()
      engine.stop()
    },
  }
}

/** The value, and its length behind it. */
const value = c.pinned(8)

const notSentLimit = (fd: number): number => {
  value.writeUInt32LE(4, 4)
  const lengthAt = pointer(value, 4)
  c.libc!.getsockopt(fd, c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, pointer(value, 0), lengthAt)
  return value.readUInt32LE(0)
}

onLinux('accepted connections inherit the congestion control of the listener', async () => {
  await using one = await accepting({ congestion: 'reno' })
  assert.is(one.congestion, 'reno')
  assert.is(congestionOf(c.libc!, one.link.fd), 'reno')
  assert.equal(one.lines, [])
})

onLinux('an algorithm that the kernel refuses is reported, and clients are served', async () => {
  await using one = await accepting({ congestion: 'no-such-one' })
  const { congestion = '' } = one
  assert.is(congestionOf(c.libc!, one.link.fd), congestion)
  assert.equal(one.lines, [
    `TCP_CONGESTION=no-such-one is refused (ENOENT): clients are sent to by ${congestion}`,
  ])
  assert.is(refusalOf(c.libc!, 'no-such-one'), 'ENOENT')
  assert.is(refusalOf(c.libc!, 'reno'), null)
})

onLinux('the kernel measures the network of a client', async () => {
  await using one = await accepting()
  const { link, socket } = one
  link.attach(unattached, null)
  const block = Buffer.alloc(HEAD + 200_000, 7)
  link.write(block, HEAD, block.length)
  let read = 0
  while (read < 200_000) read += (await once(socket, 'data'))[0].length
  const path = link.path()
  assert.ok(path)
  assert.ok(path.rttMs > 0 && path.rttMs < 60_000, `${path.rttMs}`)
  assert.ok(path.segments >= 3 && path.segments < 10_000, `${path.segments}`)
  assert.ok(path.retransmits <= path.segments, `${path.retransmits}`)
  assert.ok(path.deliveryRate >= 0 && Number.isSafeInteger(path.deliveryRate), `${path.deliveryRate}`)
  link.close()
  assert.is(link.path(), null)
})

onLinux('the kernel takes little for a client that reads nothing, once that is limited', async () => {
  await using one = await accepting()
  const { link } = one
  link.attach(unattached, null)
  link.limitNotSent(131_072)
  assert.is(notSentLimit(link.fd), 131_072)
  const block = Buffer.alloc(HEAD + 65_536, 7)
  while (link.write(block, HEAD, block.length));
  const path = link.path()
  // The kernel finishes the segment that it has begun.
  assert.ok(path !== null && path.notSent > 0 && path.notSent <= 131_072 + 65_536, `${path?.notSent}`)
})

test('node:net measures nothing', async () => {
  const engine = portableEngine(65_536)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const link = await new Promise<Link>((resolve, reject) => {
    engine.dial('127.0.0.1', address.port, resolve, reject)
  })
  link.limitNotSent(131_072)
  assert.is(link.path(), null)
  link.close()
  server.close()
})

onLinux('a limit of segments cuts what goes to the client, from its first byte on', async () => {
  const segments = async (maxSegment: number | null): Promise<number> => {
    await using one = await accepting({ maxSegment })
    const bytes = Buffer.alloc(20_000, 1)
    let left = bytes.length
    const whole = Promise.withResolvers<void>()
    one.socket.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left === 0) whole.resolve()
    })
    one.link.write(bytes, 0, bytes.length)
    await whole.promise
    return one.link.path()?.segments ?? 0
  }
  assert.ok((await segments(200)) >= 100)
  assert.ok((await segments(null)) < 20)
})

test.run()
