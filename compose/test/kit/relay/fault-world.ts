import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../../../../proxy/events/contract.ts'
import type { nativeEngine } from '../../../../proxy/net/epoll/engine.ts'
import type { portableEngine } from '../../../../proxy/net/node-net/engine.ts'
import { startRelay } from '../../../../proxy/relay/relay.ts'
import type { Session } from '../../../../proxy/relay/sessions/session.ts'
import type { RelaySettings } from '../../../../proxy/relay/settings.ts'
import type { ClaimAnswer } from '../../../../proxy/replay-cache/redis.ts'
import { until } from '../../until.ts'
import { initiate } from '../client/obfuscation.ts'
import { domainsWith, secret, settings } from './hand-relay.ts'

// For tests: a relay on a real engine between real sockets, in which reading or writing a field of a session throws.

type Far = AsyncDisposable & { port: number; next(): Promise<Socket> }

/** A server that only accepts connections. */
const farEnd = async (): Promise<Far> => {
  const sockets: Socket[] = []
  let taken = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    next: async () => {
      const socket = await until(() => sockets[taken], 'a connection at the far end')
      taken++
      return socket
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const world = async (
  make: typeof nativeEngine | typeof portableEngine,
  changed: Partial<RelaySettings>,
) => {
  const [datacenter, site] = await Promise.all([farEnd(), farEnd()])
  const engine = make(600_000)
  assert.ok(engine)
  const events: ProxyEvent[] = []
  const faults: unknown[] = []
  const asked: ((answer: ClaimAnswer) => void)[] = []
  const to = (port: number) => ({ host: '127.0.0.1', port, family: 'ipv4' }) as const
  const relay = startRelay(
    engine,
    {
      ...settings(),
      toClientBuffer: { low: 262_144, below: 0, high: 262_144 },
      directory: new Map([[2, [to(datacenter.port)]]]),
      domains: domainsWith(to(site.port)),
      ...changed,
    },
    (event) => events.push(event),
    (error) => faults.push(error),
    changed.sharedReplay ? (_digest, _connection, answered) => asked.push(answered) : null,
  )
  const listening = await engine.listen({
    host: '127.0.0.1',
    port: 0,
    userTimeoutMs: 10_000,
    accepted: relay.accepted,
    exhausted: () => {},
  })
  engine.run({ pulse: relay.pulse, patience: () => 20 }, (error) => faults.push(error))
  const clients: Socket[] = []
  return {
    relay,
    datacenter,
    site,
    events,
    faults,
    asked,
    /** A client that is accepted, with its session. */
    arrives: async (): Promise<{ client: Socket; session: Session }> => {
      const before = new Set(relay.sessions)
      const client = connect({ port: listening.port, host: '127.0.0.1', allowHalfOpen: true })
      clients.push(client.on('error', () => {}))
      const session = await until(() => [...relay.sessions].find((one) => !before.has(one)), 'a session')
      return { client, session }
    },
    /** The event `connection.closed` of the session. */
    endOf: ({ id }: Session): Promise<string> =>
      until(() => {
        const end = events.find((event) => event.type === 'connection.closed' && event.connection === id)
        return end?.type === 'connection.closed' ? `${end.by} ${end.phase} ${end.reason}` : null
      }, 'the close of the session'),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy()
      relay.closeAll()
      listening.close()
      engine.stop()
      await Promise.all([datacenter[Symbol.asyncDispose](), site[Symbol.asyncDispose]()])
    },
  }
}
export type World = Awaited<ReturnType<typeof world>>

export const injected = new Error('injected')

/** From now on, reading the field throws. */
export const unreadable = <Of extends object>(of: Of, field: keyof Of): void => {
  Object.defineProperty(of, field, {
    get: () => {
      throw injected
    },
  })
}

/** From now on, writing such a value to the field throws. */
export const unwritable = <Of extends object>(
  of: Of,
  field: keyof Of,
  is: (value: unknown) => boolean,
): void => {
  let value: unknown = of[field]
  Object.defineProperty(of, field, {
    get: () => value,
    set: (next: unknown) => {
      if (is(next)) throw injected
      value = next
    },
  })
}
export const opening = (): Buffer => initiate('padded-intermediate', 2, secret).bytes
export const gone = (socket: Socket): Promise<unknown> =>
  until(() => {
    if (!socket.destroyed) socket.resume()
    return socket.destroyed || socket.readableEnded || socket.errored !== null
  }, 'the end of a socket')

export type Reached = { client: Socket; session: Session; far?: Socket }
export const accepted = ({ arrives }: World): Promise<Reached> => arrives()
export const dialed = async (of: World): Promise<Reached> => {
  const { client, session } = await of.arrives()
  client.write(opening())
  const far = await of.datacenter.next()
  await until(() => session.relayed, 'the datacenter')
  return { client, session, far }
}
export const relayed = async (of: World): Promise<Reached> => {
  const reached = await dialed(of)
  reached.client.write('up')
  await until(() => reached.session.relayed!.requestAt > 0, 'the first byte for the datacenter')
  reached.far!.write('down')
  await until(() => reached.session.phase === 'relaying', 'the first byte down')
  return reached
}
export const fronted = async (of: World): Promise<Reached> => {
  const { client, session } = await of.arrives()
  client.write('GET / HTTP/1.1\r\n\r\n')
  const far = await of.site.next()
  await until(() => session.fronted !== null, 'the masking host')
  return { client, session, far }
}
