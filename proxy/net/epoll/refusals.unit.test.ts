import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../../compose/test/until.ts'
import { type Link, type LinkEvents, unattached } from '../link.ts'
import { nativeEngine } from './engine.ts'
import * as c from './libc.ts'

// The kernel or a sandbox refuses a call: the C library with a test in front of it.

type Call = Exclude<keyof c.Libc, 'errno'>
type Refuse = (...args: unknown[]) => number

/** The C library. `refusals` return an errno for a call; 0 lets it through. */
const refusing = (refusals: Partial<Record<Call, Refuse>>): c.Libc => {
  const real = c.libc!
  // As in the kernel: it stays until the next call.
  let errno = 0
  const front = Object.entries(real).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      errno = refusals[name as Call]?.(...args) ?? 0
      return errno > 0 ? -1 : (call as (...args: unknown[]) => number)(...args)
    },
  ])
  return { ...Object.fromEntries(front), errno: () => errno || real.errno() }
}

const onLinux = c.libc === null ? test.skip : test

const passing = (from: Link, to: Link, ends: string[]): LinkEvents<null> => ({
  bytes: (_, buffer, start, end) => {
    if (!to.write(buffer, start, end)) from.pause()
  },
  passTo: () => to,
  passed: () => {
    if (to.unsent > 0) from.pause()
  },
  drained: () => to.resume(),
  ended: () => to.end(),
  lost: (_, error) => {
    ends.push(error)
    to.close()
  },
  faulted: () => {
    ends.push('faulted')
    to.close()
  },
})

/** A relay of plain bytes on such a C library: each client gets the bytes of `source`. */
const relaying = async (refusals: Partial<Record<Call, Refuse>>, source: Server) => {
  source.listen(0, '127.0.0.1')
  await once(source, 'listening')
  const lines: string[] = []
  const faults: string[] = []
  const ends: string[] = []
  const engine = nativeEngine(300_000, (line) => lines.push(line), refusing(refusals))
  assert.ok(engine)
  const accepted = (client: Link): void => {
    client.attach(unattached, null)
    client.pause()
    engine.dial(
      '127.0.0.1',
      (source.address() as AddressInfo).port,
      (far) => {
        if (client.closed) return far.close()
        far.readSize = 262_144
        client.attach(passing(client, far, ends), null)
        far.attach(passing(far, client, ends), null)
        client.resume()
      },
      (error) => {
        ends.push(error)
        client.close()
      },
    )
  }
  const options = { host: '127.0.0.1', port: 0, userTimeoutMs: 10_000, accepted, exhausted: () => {} }
  const listening = await engine.listen(options)
  engine.run({ pulse: () => {}, patience: () => 2 }, (error) => faults.push((error as Error).message))
  return {
    lines,
    faults,
    ends,
    port: listening.port,
    [Symbol.asyncDispose]: async () => {
      listening.close()
      // Resolves when the engine has closed every connection.
      await new Promise((resolve) => source.close(resolve))
      engine.stop()
    },
  }
}

const sent = randomBytes(3_000_000)
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
/** Sends all bytes and ends. */
const generous = (): Server =>
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.resume().end(sent)
  })

/** Everything that a client gets until its connection ends. */
const received = async (port: number): Promise<Buffer> => {
  const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(parts)
}
const descriptors = (): number => readdirSync('/proc/self/fd').length

/** After the test at the start, which splices twice. */
const from = (nth: number, errno: number): Refuse => {
  let calls = 0
  return () => (++calls >= nth ? errno : 0)
}

for (const [errno, name] of [
  [c.EINVAL, 'EINVAL'],
  [c.ENOSYS, 'ENOSYS'],
  [c.EPERM, 'EPERM'],
] as const) {
  for (const [when, nth] of [
    ['at the start', 1],
    ['for sockets only, into the pipe', 3],
    ['for sockets only, out of the pipe', 4],
  ] as const) {
    onLinux(
      `splice is refused by ${name} ${when}: the bytes arrive whole by reads, and one line names it`,
      async () => {
        await using relay = await relaying({ splice: from(nth, errno) }, generous())
        for (let i = 0; i < 2; i++) assert.is(digest(await received(relay.port)), digest(sent))
        assert.equal(
          relay.lines.map((line) => line.slice(0, line.indexOf(':'))),
          [`splice is refused (${name})`],
        )
        assert.equal([relay.faults, relay.ends], [[], []])
      },
    )
  }
}

onLinux(
  'bytes that stay in the shared pipe end their own connection, and none of them reaches the next one',
  async () => {
    let splices = 0
    let reads = 0
    await using relay = await relaying(
      {
        // The client takes nothing of the second portion, and then the pipe cannot be read.
        splice: () => (++splices === 6 ? c.EAGAIN : 0),
        read: () => (++reads === 1 ? 5 : 0),
      },
      generous(),
    )
    const before = descriptors()
    const cut = await received(relay.port)
    assert.ok(cut.length < sent.length && cut.equals(sent.subarray(0, cut.length)))
    assert.equal([relay.faults, relay.ends], [['read of the splice pipe: EIO'], ['faulted']])
    await until(() => descriptors() <= before, 'the descriptors of the start')
    for (let i = 0; i < 3; i++) assert.is(digest(await received(relay.port)), digest(sent))
    assert.is(relay.faults.length, 1)
    assert.equal(relay.lines, [])
  },
)

onLinux('what epoll refuses of a connection ends it as our fault, with its far end', async () => {
  let changes = 0
  await using relay = await relaying(
    { epoll_ctl: (_, operation) => (operation === c.EPOLL_CTL_MOD && ++changes === 3 ? c.ENOMEM : 0) },
    generous(),
  )
  const before = descriptors()
  await received(relay.port)
  assert.equal([relay.faults, relay.ends], [['epoll_ctl: ENOMEM'], ['faulted']])
  await until(() => descriptors() <= before, 'the descriptors of the start')
  assert.is(digest(await received(relay.port)), digest(sent))
})

onLinux('what epoll refuses of a dial fails the dial, and of a client closes it', async () => {
  let additions = 0
  // The test at the start, the listener, a client, its failing dial; a failing client.
  await using relay = await relaying(
    {
      epoll_ctl: (_, operation) =>
        operation === c.EPOLL_CTL_ADD && [4, 5].includes(++additions) ? c.ENOMEM : 0,
    },
    generous(),
  )
  const before = descriptors()
  assert.is((await received(relay.port)).length, 0)
  assert.equal([relay.faults, relay.ends], [['epoll_ctl of a dial: ENOMEM'], ['no-descriptors']])
  await until(() => descriptors() <= before, 'the descriptors of the start')
  assert.is((await received(relay.port)).length, 0)
  assert.is(relay.faults[1], 'epoll_ctl: ENOMEM')
  assert.is(digest(await received(relay.port)), digest(sent))
})

onLinux('an error that no peer can cause is our fault, and not a reset', async () => {
  let reads = 0
  // The first one is that of the test at the start.
  await using relay = await relaying({ recv: () => (++reads === 2 ? c.EBADF : 0) }, generous())
  await received(relay.port)
  assert.equal([relay.faults, relay.ends], [['recv: EBADF'], ['faulted']])
  assert.is(digest(await received(relay.port)), digest(sent))
})

onLinux('an accept that is refused is reported, and tried again a moment later', async () => {
  let accepts = 0
  await using relay = await relaying({ accept4: () => (++accepts <= 2 ? c.EPERM : 0) }, generous())
  assert.is(digest(await received(relay.port)), digest(sent))
  assert.equal(relay.faults, ['accept4: EPERM', 'accept4: EPERM'])
})

for (const [errno, fault, end] of [
  [c.EINVAL, ['shutdown: EINVAL'], 'faulted'],
  [c.ENOBUFS, [], 'other'],
] as const) {
  onLinux(
    `a FIN that is refused (${c.errnoName(errno)}) ends the connection, whose far end would wait`,
    async () => {
      let shutdowns = 0
      await using relay = await relaying({ shutdown: () => (++shutdowns === 1 ? errno : 0) }, generous())
      const before = descriptors()
      await received(relay.port)
      assert.equal([relay.faults, relay.ends], [fault, [end]])
      await until(() => descriptors() <= before, 'the descriptors of the start')
      assert.is(digest(await received(relay.port)), digest(sent))
    },
  )
}

onLinux('a dial whose outcome cannot be read has failed', async () => {
  let reads = 0
  await using relay = await relaying(
    { getsockopt: (_, __, name) => (name === c.SO_ERROR && ++reads === 1 ? c.ENOBUFS : 0) },
    generous(),
  )
  assert.is((await received(relay.port)).length, 0)
  assert.equal(relay.ends, ['no-descriptors'])
  assert.is(digest(await received(relay.port)), digest(sent))
})

onLinux('a listener whose port cannot be read is closed, and the error has the errno', async () => {
  const engine = nativeEngine(1_000, () => {}, refusing({ getsockname: () => c.EBADF }))
  assert.ok(engine)
  const before = descriptors()
  const none = (): void => {}
  const options = { host: '127.0.0.1', port: 0, userTimeoutMs: 1_000, accepted: none, exhausted: none }
  const reported = await engine.listen(options).then(
    () => 'listens',
    (error: Error) => error.message,
  )
  assert.is(reported, 'cannot listen: EBADF')
  assert.is(descriptors(), before)
})

onLinux('a listener that epoll did not forget, as it was asked to, is not reported', async () => {
  let accepts = 0
  let listener: unknown
  let added = 0
  await using relay = await relaying(
    {
      accept4: (fd) => {
        listener ??= fd
        return ++accepts === 1 ? c.EMFILE : 0
      },
      epoll_ctl: (_, operation, fd) => {
        if (listener === undefined || fd !== listener) return 0
        if (operation === c.EPOLL_CTL_ADD) added++
        return operation === c.EPOLL_CTL_DEL ? c.ENOMEM : 0
      },
    },
    generous(),
  )
  assert.is(digest(await received(relay.port)), digest(sent))
  await until(() => added > 0, 'another start of the listener')
  assert.equal(relay.faults, [])
})

for (const call of ['epoll_create1', 'epoll_ctl', 'epoll_wait'] as const) {
  onLinux(`where ${call} is refused there is no native engine, and a line names it`, () => {
    const before = descriptors()
    const lines: string[] = []
    const engine = nativeEngine(1_000, (line) => lines.push(line), refusing({ [call]: () => c.EPERM }))
    assert.is(engine, null)
    assert.match(lines.join(), /^epoll is refused \(EPERM\): node:net/)
    assert.is(descriptors(), before)
  })
}

test.run()
