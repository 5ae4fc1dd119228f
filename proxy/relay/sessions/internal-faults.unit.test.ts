import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import {
  accepted,
  dialed,
  fronted,
  gone,
  injected,
  opening,
  type Reached,
  relayed,
  unreadable,
  unwritable,
  type World,
  world,
} from '../../../compose/test/kit/relay/fault-world.ts'
import { domain, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import { until } from '../../../compose/test/until.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { portableEngine } from '../../net/node-net/engine.ts'
import type { RelaySettings } from '../settings.ts'
import type { Session } from './session.ts'

// Exceptions of our own code, in each phase of a real connection.

const any = (): boolean => true

type Case = {
  readonly reach: (of: World) => Promise<Reached>
  readonly poison: (session: Session) => void
  readonly act: (reached: Reached, of: World) => unknown
  readonly phase: string
  readonly settings?: Partial<RelaySettings>
}

const cases: Readonly<Record<string, Case>> = {
  'its first bytes are read': {
    reach: accepted,
    poison: (session) => unreadable(session, 'received'),
    act: ({ client }) => client.write('x'),
    phase: 'hello',
  },
  'its hello is answered': {
    reach: accepted,
    poison: (session) => unwritable(session, 'unwrap', any),
    act: ({ client }) => client.write(clientHello({ secret, domain }).bytes),
    phase: 'hello',
  },
  'the records after its hello are read': {
    reach: async (of) => {
      const reached = await of.arrives()
      reached.client.write(clientHello({ secret, domain }).bytes)
      await until(() => reached.session.unwrap, 'the ServerHello')
      return reached
    },
    poison: (session) => unreadable(session, 'unwrap'),
    act: ({ client }) => client.write('x'),
    phase: 'hello',
  },
  'its handshake ends unfinished': {
    reach: accepted,
    poison: (session) => unreadable(session, 'received'),
    act: ({ client }) => client.end(),
    phase: 'hello',
  },
  'its handshake is late': {
    reach: accepted,
    poison: (session) => unreadable(session, 'unwrap'),
    act: () => {},
    phase: 'hello',
    settings: { firstByteTimeoutMs: 500 },
  },
  'its claim is answered': {
    reach: async (of) => {
      const { client, session } = await of.arrives()
      client.write(opening())
      const far = await of.datacenter.next()
      await until(() => session.claim?.arrived, 'a dial that waits for the claim')
      return { client, session, far }
    },
    poison: (session) => unwritable(session, 'phase', any),
    act: (_, { asked }) => asked[0]!('new'),
    phase: 'hello',
    settings: { sharedReplay: 'local' },
  },
  'its datacenter is connected': {
    reach: accepted,
    poison: (session) => unwritable(session, 'phase', (phase) => phase === 'waiting'),
    act: async ({ client }, { datacenter }) => {
      client.write(opening())
      await gone(await datacenter.next())
    },
    phase: 'dial',
  },
  'its datacenter refuses': {
    reach: accepted,
    poison: (session) => unwritable(session, 'dialing', (dialing) => dialing === null),
    act: ({ client }) => client.write(opening()),
    phase: 'dial',
    settings: { directory: new Map([[2, [{ host: '127.0.0.1', port: 1, family: 'ipv4' }]]]) },
  },
  'its first request goes up': {
    reach: dialed,
    poison: (session) => unwritable(session.relayed!, 'requestAt', any),
    act: ({ client }) => client.write('up'),
    phase: 'waiting',
  },
  'its first answer comes down': {
    reach: dialed,
    poison: (session) => unwritable(session, 'phase', any),
    act: ({ far }) => far!.write('down'),
    phase: 'waiting',
  },
  'bytes go up': {
    reach: relayed,
    poison: (session) => unwritable(session, 'bytesToDatacenter', any),
    act: ({ client }) => client.write('up'),
    phase: 'relaying',
  },
  'bytes come down': {
    reach: relayed,
    poison: (session) => unwritable(session, 'bytesToClient', any),
    act: ({ far }) => far!.write('down'),
    phase: 'relaying',
  },
  'bytes come down inside the kernel': {
    reach: relayed,
    poison: (session) => {
      let reads = 0
      unwritable(session, 'bytesToClient', () => ++reads > 3)
    },
    act: ({ client, far }) => {
      client.resume()
      far!.write(Buffer.alloc(8_000_000))
    },
    phase: 'relaying',
  },
  'a slow client reads on': {
    reach: async (of) => {
      const reached = await relayed(of)
      reached.client.pause()
      reached.far!.write(Buffer.alloc(40_000_000))
      await until(() => reached.session.relayed!.blockedAt > 0, 'a client that takes no more')
      return reached
    },
    poison: (session) => unwritable(session.relayed!, 'blockedAt', (at) => at === 0),
    act: ({ client }) => client.resume(),
    phase: 'relaying',
  },
  'its client ends': {
    reach: relayed,
    poison: (session) => unwritable(session, 'clientEnded', any),
    act: ({ client }) => client.end(),
    phase: 'relaying',
  },
  'its client is lost': {
    reach: relayed,
    poison: (session) => unreadable(session, 'endedBy'),
    act: ({ client }) => client.resetAndDestroy(),
    phase: 'relaying',
  },
  'its datacenter is lost': {
    reach: relayed,
    poison: (session) => unwritable(session, 'endedBy', any),
    act: ({ far }) => far!.resetAndDestroy(),
    phase: 'relaying',
  },
  'it is swept': {
    reach: relayed,
    poison: (session) => unreadable(session, 'activeAt'),
    act: () => {},
    phase: 'relaying',
  },
  'the masking host is connected': {
    reach: accepted,
    poison: (session) => unwritable(session, 'far', any),
    act: ({ client }) => client.write('GET / HTTP/1.1\r\n\r\n'),
    phase: 'fronting',
  },
  'the masking host answers': {
    reach: fronted,
    poison: (session) => unwritable(session, 'bytesToClient', any),
    act: ({ far }) => far!.write('200'),
    phase: 'fronting',
  },
  'an unauthenticated client goes on': {
    reach: fronted,
    poison: (session) => unwritable(session, 'bytesToDatacenter', any),
    act: ({ client }) => client.write('more'),
    phase: 'fronting',
  },
  'the masking host is lost': {
    reach: fronted,
    poison: (session) => unwritable(session, 'endedBy', any),
    act: ({ far }) => far!.resetAndDestroy(),
    phase: 'fronting',
  },
  'it is closed': {
    reach: relayed,
    poison: (session) => unreadable(session, 'dialing'),
    act: ({ client }) => client.resetAndDestroy(),
    phase: 'relaying',
  },
}

for (const [engine, make] of [
  ['epoll', nativeEngine],
  ['node:net', portableEngine],
] as const) {
  if (make === nativeEngine && process.platform !== 'linux') continue

  for (const [moment, { reach, poison, act, phase, settings }] of Object.entries(cases)) {
    test(`${engine}: our code fails when ${moment}: that connection ends as our fault, the next one is served`, async () => {
      await using of = await world(make, settings ?? {})
      const reached = await reach(of)
      const { client, session, far } = reached
      poison(session)
      await act(reached, of)
      assert.is(await of.endOf(session), `proxy ${phase} internal`)
      await gone(client)
      if (far !== undefined) await gone(far)
      assert.equal(of.faults, [injected])
      // The next one finds all places free, and is served.
      if (settings !== undefined) return
      const next = await relayed(of)
      next.far!.write('bytes')
      await once(next.client.resume(), 'data')
      next.client.resetAndDestroy()
      assert.is(await of.endOf(next.session), 'client relaying reset')
      const { sessions, handshakes, unauthenticated, relaying, settings: set } = of.relay
      assert.equal([sessions.size, handshakes.size, unauthenticated.size, relaying], [0, 0, 0, 0])
      assert.equal([...new Int32Array(set.capacity)].slice(0, 3), [0, 0, 0])
      assert.equal(of.faults, [injected])
    })
  }
}

test.run()
