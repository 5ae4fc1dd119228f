import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loopbackEngine } from '../../../compose/test/kit/relay/loopback-engine.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { type Link, unattached } from '../../net/link.ts'
import { portableEngine } from '../../net/node-net/engine.ts'

const gone = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.on('error', () => {}).on('close', () => resolve()))

for (const [name, make] of [
  ['epoll', nativeEngine],
  ['node:net', portableEngine],
] as const) {
  if (make === nativeEngine && process.platform !== 'linux') continue

  test(`${name}: an end that comes during a pause is reported once, after it`, async () => {
    const received = Promise.withResolvers<Link>()
    let early = 0
    let ends = 0
    await using relay = await loopbackEngine(make(70_000), (link) => {
      const deaf = { ...unattached, ended: () => early++ }
      link.attach({ ...deaf, bytes: () => link.pause() }, null)
      received.resolve(link)
    })
    const socket = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write('all')
    const link = await received.promise
    socket.end()
    // A round trip after the FIN through the same loop: by then the engine has seen it.
    const other = connect(relay.port, '127.0.0.1')
    await once(other, 'connect')
    const reported = new Promise<void>((resolve) => {
      const ended = () => {
        ends++
        resolve()
      }
      setImmediate(() => {
        link.attach({ ...unattached, ended }, null)
        link.resume()
      })
    })
    await reported
    assert.equal([early, ends], [0, 1])
    socket.destroy()
    other.destroy()
  })

  test(`${name}: bytes that came before a reset are delivered before it`, async () => {
    const over = Promise.withResolvers<string>()
    let received = 0
    await using relay = await loopbackEngine(make(70_000), (link) => {
      link.readSize = 1_000
      link.attach(
        {
          ...unattached,
          bytes: (_, _buffer, start, end) => {
            received += end - start
          },
          lost: (_, error) => over.resolve(error),
        },
        null,
      )
    })
    const socket = connect(relay.port, '127.0.0.1')
    await once(socket, 'connect')
    // In one turn of this thread's loop, so that both are there when the engine looks.
    socket.write('x'.repeat(4_000))
    socket.resetAndDestroy()
    assert.is(await over.promise, 'reset')
    assert.is(received, 4_000)
  })

  test(`${name}: an end on both sides is not reported as a loss`, async () => {
    const reported: string[] = []
    await using relay = await loopbackEngine(make(70_000), (link) => {
      link.attach(
        {
          ...unattached,
          ended: () => {
            reported.push('ended')
            link.end()
          },
          lost: (_, error) => reported.push(error),
        },
        null,
      )
    })
    for (let i = 0; i < 3; i++) {
      const socket = connect(relay.port, '127.0.0.1')
      socket.resume().end('x')
      await gone(socket)
    }
    assert.equal(reported, ['ended', 'ended', 'ended'])
  })

  test(`${name}: an exception in accepted closes that connection`, async () => {
    await using relay = await loopbackEngine(make(70_000), () => {
      throw new Error('a bug')
    })
    await gone(connect(relay.port, '127.0.0.1').resume())
    assert.is(relay.faults.length, 1)
  })

  test(`${name}: an exception in connected closes that connection`, async () => {
    const closed = Promise.withResolvers<void>()
    await using relay = await loopbackEngine(make(70_000), (link) => {
      link.attach({ ...unattached, ended: () => closed.resolve(), lost: () => closed.resolve() }, null)
    })
    relay.engine.dial(
      '127.0.0.1',
      relay.port,
      () => {
        throw new Error('a bug')
      },
      () => {},
    )
    await closed.promise
    assert.is(relay.faults.length, 1)
  })
}

test.run()
