import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loopbackEngine } from '../../compose/test/kit/relay/loopback-engine.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import { nativeEngine } from './epoll/engine.ts'
import { ipv6Bytes } from './epoll/libc.ts'
import { type Engine, HEAD, type Link, unattached } from './link.ts'
import { portableEngine } from './node-net/engine.ts'

const dialed = (engine: Engine, port: number): Promise<Link> =>
  new Promise((resolve, reject) => engine.dial('127.0.0.1', port, resolve, reject))

/** By events: an async iterator would destroy the socket at its end, with its unsent bytes. */
const collect = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    const parts: Buffer[] = []
    socket.on('data', (part: Buffer) => parts.push(part))
    socket.on('end', () => resolve(Buffer.concat(parts)))
  })

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })

/** Forwards bytes between two links, as the pump does. */
const pipe = (from: Link, to: Link, passing: boolean): void => {
  from.attach(
    {
      bytes: (_, buffer, start, end) => {
        if (!to.write(buffer, start, end)) from.pause()
      },
      drained: () => to.resume(),
      ended: () => to.end(),
      lost: () => to.close(),
      faulted: () => to.close(),
      ...(passing
        ? {
            passTo: () => to,
            passed: () => {
              if (to.unsent > 0) from.pause()
            },
          }
        : {}),
    },
    null,
  )
}

for (const [name, make] of [
  ['epoll', nativeEngine],
  ['node:net', portableEngine],
] as const) {
  if (make === nativeEngine && process.platform !== 'linux') continue

  for (const passing of [false, true]) {
    test(`${name}${passing ? ', inside the kernel' : ''}: 30 MB arrive whole at a slow reader, and half-close works`, async () => {
      const source = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
      await once(source, 'listening')
      const sent = randomBytes(30_000_000)
      const received = once(source, 'connection').then(async ([socket]) => {
        const request = collect(socket)
        socket.end(sent)
        return (await request).toString()
      })
      await using relay = await loopbackEngine(make(300_000), (client) => {
        client.attach(unattached, null)
        client.pause()
        relay.engine.dial(
          '127.0.0.1',
          (source.address() as AddressInfo).port,
          (far) => {
            far.readSize = 262_144
            pipe(client, far, false)
            pipe(far, client, passing)
            client.resume()
          },
          () => client.close(),
        )
      })
      const reader = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true })
      reader.end('please')
      const hash = createHash('sha256')
      let length = 0
      for await (const part of reader) {
        hash.update(part)
        length += part.length
        if (length % 7 === 0) await new Promise(setImmediate)
      }
      assert.is(length, sent.length)
      assert.ok(hash.digest().equals(createHash('sha256').update(sent).digest()))
      assert.is(await received, 'please')
      assert.equal(relay.faults, [])
      source.close()
    })
  }

  test(`${name}: a Unix socket is dialed by its path, and an absent one is refused`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mtscope-dial-'))
    const path = join(folder, 'a.sock')
    const server = createServer((socket) => socket.end('unix'))
    await once(server.listen(path), 'listening')
    await using relay = await loopbackEngine(make(300_000), () => {})
    const outcome = (to: string): Promise<string> =>
      new Promise((resolve) => {
        const connected = (link: Link): void => {
          const bytes = (_: unknown, buffer: Buffer, start: number, end: number): void => {
            resolve(`${buffer.toString('latin1', start, end)} ${link.ends()}`)
            link.close()
          }
          link.attach({ ...unattached, bytes }, null)
        }
        relay.engine.dial(to, 0, connected, resolve)
      })
    assert.is(await outcome(path), 'unix null')
    assert.not.match(await outcome(join(folder, 'b.sock')), 'unix')
    assert.equal(relay.faults, [])
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })

  test(`${name}: a link has both ends of its connection`, async () => {
    const ends = Promise.withResolvers<unknown>()
    await using relay = await loopbackEngine(make(300_000), (link) => {
      ends.resolve(link.ends())
      link.close()
    })
    const client = connect({ port: relay.port, host: '127.0.0.1', localAddress: '127.0.0.3' })
    await once(client, 'connect')
    const { localPort } = client
    assert.equal(await ends.promise, {
      remotePort: localPort,
      local: Buffer.from([127, 0, 0, 1]),
      localPort: relay.port,
    })
    client.destroy()
  })

  test(`${name}: a refused dial fails after dial has returned`, async () => {
    const [port = 0] = await freePorts(1)
    await using relay = await loopbackEngine(make(300_000), () => {})
    let returned = false
    const failure = new Promise((resolve) => {
      relay.engine.dial(
        '127.0.0.1',
        port,
        () => resolve('connected'),
        (error) => resolve(`${returned} ${error}`),
      )
    })
    returned = true
    assert.is(await failure, 'true refused')
  })

  test(`${name}: a pause bounds the unsent bytes, and drained is called when they are gone`, async () => {
    const drained = Promise.withResolvers<number>()
    await using relay = await loopbackEngine(make(300_000), (link) => {
      const block = Buffer.alloc(HEAD + 262_144, 7)
      let written = 0
      const fill = (): void => {
        for (;;) {
          written += 262_144
          if (!link.write(block, HEAD, HEAD + 262_144)) return
        }
      }
      link.attach({ ...unattached, drained: () => drained.resolve(written) }, null)
      fill()
      assert.ok(link.unsent > 0 && link.unsent <= 262_144)
    })
    const reader = connect(relay.port, '127.0.0.1')
    reader.resume()
    assert.ok((await drained.promise) > 0)
    reader.destroy()
  })

  test(`${name}: a reset is reported once, and an exception in a handler ends its own link only`, async () => {
    const lost = Promise.withResolvers<string>()
    let first = true
    await using relay = await loopbackEngine(make(300_000), (link) => {
      if (first) {
        first = false
        link.attach(
          {
            ...unattached,
            bytes: () => {
              throw new Error('a bug')
            },
          },
          null,
        )
      } else link.attach({ ...unattached, lost: (_, error) => lost.resolve(error) }, null)
    })
    const buggy = connect(relay.port, '127.0.0.1')
    buggy.write('x')
    await closed(buggy)
    assert.is(relay.faults.length, 1)
    const resetting = connect(relay.port, '127.0.0.1')
    await once(resetting, 'connect')
    resetting.resetAndDestroy()
    assert.is(await lost.promise, 'reset')
  })

  test(`${name}: bytes cut off by a pause come after it, in order, and then the end`, async () => {
    const parts: Buffer[] = []
    const over = Promise.withResolvers<void>()
    await using relay = await loopbackEngine(make(300_000), (link) => {
      link.readSize = 1_000
      link.attach(
        {
          ...unattached,
          bytes: (_, buffer, start, end) => {
            parts.push(Buffer.from(buffer.subarray(start, end)))
            link.pause()
            setImmediate(() => link.resume())
          },
          ended: () => over.resolve(),
        },
        null,
      )
    })
    const sent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251))
    const socket = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end(sent)
    await over.promise
    socket.destroy()
    assert.ok(Buffer.concat(parts).equals(sent))
    assert.ok(parts.every(({ length }) => length <= 1_000))
  })

  test(`${name}: a link closed in its own handler calls no handler`, async () => {
    let calls = 0
    await using relay = await loopbackEngine(make(300_000), (link) => {
      link.attach(
        {
          ...unattached,
          bytes: () => {
            calls++
            link.close()
          },
          ended: () => calls++,
          lost: () => calls++,
        },
        null,
      )
    })
    const socket = connect(relay.port, '127.0.0.1')
    socket.end('x'.repeat(200_000))
    socket.resume()
    await closed(socket)
    const other = await dialed(relay.engine, relay.port)
    other.close()
    assert.is(calls, 1)
  })
}

test('epoll: a name is neither listened on nor dialed: it would be read as `::`', async () => {
  const engine = nativeEngine(65_536)
  if (engine === null) return
  const none = (): void => {}
  for (const host of ['localhost', 'proxy.test', '', 'fe80::1%lo']) {
    const options = { host, port: 0, userTimeoutMs: 10_000, accepted: none, exhausted: none }
    const reported = await engine.listen(options).then(
      () => 'listens',
      (error: Error) => error.message,
    )
    assert.is(reported, `${host} is not an IP address without a zone`)
    assert.throws(() => engine.dial(host, 443, none, none), 'is not an IP address')
  }
})

test('an IPv6 address is read in each of its spellings', () => {
  const bytes = (text: string) => ipv6Bytes(text).toString('hex')
  assert.is(bytes('2001:67c:4e8:f002::a'), '2001067c04e8f002000000000000000a')
  assert.is(bytes('::'), '0'.repeat(32))
  assert.is(bytes('::1'), `${'0'.repeat(31)}1`)
  assert.is(bytes('fe80::1%eth0'), 'fe800000000000000000000000000001')
  assert.is(bytes('::ffff:1.2.3.4'), '00000000000000000000ffff01020304')
  assert.is(bytes('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008')
})

test.run()
