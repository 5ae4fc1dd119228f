import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { nativeEngine } from '../../../../proxy/net/epoll/engine.ts'
import { libc } from '../../../../proxy/net/epoll/libc.ts'
import {
  type Engine,
  type Link,
  type LinkEvents,
  type Listening,
  unattached,
} from '../../../../proxy/net/link.ts'
import { calls, type Refusal, reaching, refusalOf, refusingLibc } from '../refusing-libc.ts'
import { Finding, promise, type Target } from '../target.ts'

/** Bytes in which each position of each connection differs, so that a lost, moved or foreign byte shows. */
const pattern = (id: number, length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = id * 89 + at + (at >>> 8) * 7 + (at >>> 16) * 13
  return bytes
}

/** Sends each client the pattern of its id and checks the client's own. */
const sourceOf = async () => {
  let wrong = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = []
    let id = -1
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      if (id < 0) {
        id = bytes[0]!
        socket.write(pattern(id, sizes.get(id) ?? 0))
      }
      parts.push(bytes)
    })
    // Of a connection that was cut, too: what came must be right.
    socket.on('close', () => {
      const came = Buffer.concat(parts)
      const sent = Buffer.concat([Buffer.from([id]), pattern(id + 128, came.length)])
      if (!came.equals(sent.subarray(0, came.length))) wrong = 'the datacenter got other bytes'
    })
    socket.on('end', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sizes = new Map<number, number>()
  return {
    port: (server.address() as AddressInfo).port,
    /** Bytes that the client of this id gets. */
    sizes,
    check: (): void => {
      if (wrong !== '') throw new Finding('wrong', wrong)
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
type Source = Awaited<ReturnType<typeof sourceOf>>

/** Forwards as the pump does. `end` takes the reason of each end that is not a FIN. */
const passing = (from: Link, to: Link, end: (why: string) => void): LinkEvents<null> => {
  const close = (why: string): void => {
    end(why)
    to.close()
  }
  const ended = { from: false }
  return {
    bytes: (_, buffer, start, stop) => {
      if (!to.write(buffer, start, stop)) from.pause()
    },
    passTo: () => to,
    passed: () => {
      if (to.unsent > 0) from.pause()
    },
    drained: () => to.resume(),
    ended: () => {
      ended.from = true
      to.end()
    },
    lost: (_, error) => close(error),
    faulted: () => close('faulted'),
  }
}

/** A relay of plain bytes; `ends` has a reason for each connection that did not end by itself. */
const relayOf = async (engine: Engine, source: Source) => {
  const ends: string[] = []
  const links = new Set<Link>()
  const end = (why: string): void => void ends.push(why)
  const accepted = (client: Link): void => {
    links.add(client)
    client.attach({ ...unattached, lost: (_, error) => end(error), faulted: () => end('faulted') }, null)
    client.pause()
    // As for a header of PROXY protocol; null where the kernel refuses.
    client.ends()
    engine.dial(
      '127.0.0.1',
      source.port,
      (far) => {
        links.add(far)
        if (client.closed) return far.close()
        far.readSize = 262_144
        client.attach(passing(client, far, end), null)
        far.attach(passing(far, client, end), null)
        client.resume()
      },
      (error) => {
        end(`dial ${error}`)
        client.close()
      },
    )
  }
  const exhausted = (): void => end('exhausted')
  const listening: Listening = await engine.listen({
    ...{ host: '127.0.0.1', port: 0, userTimeoutMs: 60_000, accepted, exhausted },
  })
  engine.run({ pulse: () => {}, patience: () => 0 }, (error) =>
    end(error instanceof Error ? error.message : String(error)),
  )
  return {
    ends,
    port: listening.port,
    close: (): void => {
      for (const link of links) link.close()
      listening.close()
      engine.stop()
    },
  }
}

type Client = { readonly id: number; readonly up: number; readonly down: number }

/** Whether a client got everything, and FIN. Throws when it got other bytes. */
const isWhole = async (port: number, { id, up, down }: Client): Promise<boolean> => {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let failed = false
  socket.on('error', () => {
    failed = true
  })
  const parts: Buffer[] = []
  socket.on('data', (bytes: Buffer) => parts.push(bytes))
  socket.on('end', () => socket.end())
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.end(Buffer.concat([Buffer.from([id]), pattern(id + 128, up)]))
  await closed
  const came = Buffer.concat(parts)
  promise(came.length <= down && came.equals(pattern(id, came.length)), 'a client got other bytes')
  return came.length === down && !failed
}

const headerBytes = 4

/** Clients and refusals of a case: a byte for their number, one for the upload, two for the download; four for each refusal. */
const caseOf = (input: Buffer): { clients: readonly Client[]; refusals: readonly Refusal[] } => {
  const [number = 0, up = 0, low = 0, high = 0] = input
  const clients = Array.from({ length: 1 + (number % 4) }, (_, id) => ({
    id,
    up: up * 97 * (1 + id),
    down: (low + 256 * high) * (1 + id) * 4,
  }))
  const refusals: Refusal[] = []
  for (let at = headerBytes; at + 4 <= input.length && refusals.length < 4; at += 4)
    refusals.push(refusalOf(input.subarray(at, at + 4)))
  return { clients, refusals }
}

/** Refusals, as `call errno`, after which every byte still arrives. */
const isHarmless = (refused: string): boolean =>
  /^(?:close|epoll_wait|setsockopt|fcntl|socketpair|pipe2|accept4) | (?:EAGAIN|EINTR)$|^splice (?:EINVAL|ENOSYS|EPERM)$/.test(
    refused,
  ) && !/^(?:read|connect) /.test(refused)

/** The descriptors that an engine keeps as long as its thread. */
const KEPT = 3

const runCase = async (input: Buffer, source: Source): Promise<string> => {
  const { clients, refusals } = caseOf(input)
  const front = refusingLibc(refusals)
  const lines: string[] = []
  const engine = nativeEngine(300_000, (line) => lines.push(line), front.libc)
  const outcome = (what: string): string => `${what} ${[...new Set(front.refused)].slice(0, 2).join(', ')}`
  if (engine === null) {
    promise(lines.length > 0, `no engine, and no line about it: ${front.refused.join(', ')}`)
    promise(front.open.size === 0, 'a refused engine keeps descriptors')
    front.check()
    return outcome('no engine:')
  }
  let relay: Awaited<ReturnType<typeof relayOf>>
  try {
    relay = await relayOf(engine, source)
  } catch (error) {
    promise(front.refused.length > 0, `no listener, although no call was refused: ${error}`)
    engine.stop()
    promise(front.open.size <= KEPT, 'a refused listener keeps its descriptor')
    front.check()
    front.closeAll()
    return outcome('no listener:')
  }
  for (const { id, down } of clients) source.sizes.set(id, down)
  const whole = await Promise.all(clients.map((client) => isWhole(relay.port, client)))
  const cut = whole.filter((one) => !one).length
  const why = `${front.refused.join(', ')}; ends: ${relay.ends.join(', ')}`
  promise(cut === 0 || !front.refused.every(isHarmless), `a client is cut, although only: ${why}`)
  promise(cut <= relay.ends.length, `${cut} clients are cut without an end: ${why}`)
  front.stop()
  source.sizes.set(5, 100_000)
  promise(
    await isWhole(relay.port, { id: 5, up: 50_000, down: 100_000 }),
    `the thread serves no client any more: ${why}`,
  )
  relay.close()
  await setImmediate()
  front.check()
  source.check()
  promise(front.open.size <= KEPT, `${front.open.size - KEPT} descriptors are left: ${why}`)
  front.closeAll()
  return outcome(cut > 0 ? 'cut:' : front.refused.length > 0 ? 'survives:' : 'nothing refused')
}

/** Each function of the C library that the native engine calls fails at any of its calls, while connections relay. */
export const systemCalls: Target = {
  name: 'system-calls',
  share: 4_000,
  runs: libc !== null,
  native: true,
  open: async () => {
    const source = await sourceOf()
    return {
      make: (random) => {
        const refusals = Array.from({ length: 1 + random.below(random.oneIn(3) ? 3 : 1) }, () =>
          Buffer.from(
            reaching([
              random.below(calls.length),
              random.below(16),
              random.below(random.one([2, 4, 10, 64])),
              random.oneIn(4) ? random.below(8) : 0,
            ]),
          ),
        )
        return Buffer.concat([random.bytes(headerBytes), ...refusals])
      },
      run: (input) => runCase(input, source),
      close: async () => {
        await source.close()
      },
    }
  },
}
