import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Client, connectClient } from '../../test/kit/client/client.ts'
import { clientHello } from '../../test/kit/client/client-hello.ts'
import { oddHellos } from '../../test/kit/client/odd-hellos.ts'
import { observe } from '../../test/kit/client/probe.ts'
import { siteName } from '../../test/kit/servers/site.ts'
import { again } from './again.ts'
import { collector, type Drill, prometheus } from './drill.ts'
import type { World } from './world.ts'

const patienceMs = 3_000
const proxyOf = ({ fleet }: World, nth: number) => fleet.proxies[nth % fleet.proxies.length]!

/** Sends bytes from an address of its own, 127.0.0.x, and waits for whatever is answered. */
const sendFrom = async (x: number, port: number, bytes: Buffer): Promise<void> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${x}` })
  socket.on('error', () => {})
  socket.setTimeout(patienceMs, () => socket.destroy())
  socket.on('data', () => socket.destroy())
  socket.write(bytes)
  if (!socket.closed) await once(socket, 'close')
}

/** A good client's hello, an hour late. */
const lateHello = (secret: string): Buffer =>
  clientHello({
    secret: Buffer.from(secret, 'hex'),
    domain: siteName,
    at: Math.floor(Date.now() / 1000) - 3600,
  }).bytes

/** Clients who come and stay, ask nothing and take up room, until they are sent away. */
export const crowdAt = async (world: World, proxy: number, size: number): Promise<() => Promise<void>> => {
  const { port, secret } = world.fleet.proxies[proxy]!
  const crowd: Client[] = []
  for (let i = 0; i < size; i++) {
    const client = await connectClient({ port, secret, mode: 'secure', dc: 2 }).catch(() => null)
    if (client !== null) crowd.push(client)
  }
  return async () => {
    for (const client of crowd) client.end()
    await Promise.all(crowd.map(({ closed }) => closed))
  }
}

/** Of those who are not served: strangers, replayers, and who comes too many. */
export const unauthenticatedDrills: readonly Drill[] = [
  {
    name: 'a scan: ten strangers a second',
    strike: async (world) =>
      again(100, (nth) => observe(proxyOf(world, nth).port, [randomBytes(200), 100, 'fin'])),
    fires: [collector('rejection-storm', 'all nodes'), prometheus('MtscopeRejectionStorm', '')],
  },
  {
    name: 'a captured hello is played back 20 times, at both proxies',
    strike: async (world) => {
      const { port, secret } = world.fleet.proxies[0]!
      await using victim = await connectClient({ mode: 'tls', port, secret })
      await victim.reqPq()
      const hello = victim.firstBytes[0]!
      for (let i = 0; i < 20; i++)
        await observe(proxyOf(world, i).port, [hello, 50, 'fin']).catch(() => undefined)
      return null
    },
    fires: [collector('replays', 'all nodes'), prometheus('MtscopeReplays', '')],
  },
  {
    name: 'an app has the link of another domain, and tries ten times',
    strike: async (world) => {
      for (let i = 0; i < 10; i++) {
        const { port, secret } = world.fleet.proxies[0]!
        await sendFrom(
          10,
          port,
          clientHello({ secret: Buffer.from(secret, 'hex'), domain: 'old.test' }).bytes,
        )
      }
      return null
    },
    fires: [
      collector('signed-refused', 'all nodes'),
      prometheus('MtscopeSignedRefused', 'instance=proxy-1 reason=unknown-sni'),
    ],
  },
  {
    name: 'apps with every bug that is known, each with a right signature',
    strike: async (world) => {
      const { port, secret } = world.fleet.proxies[0]!
      for (const odd of Object.values(oddHellos)) {
        await using client = await connectClient({ mode: 'tls', port, secret, odd })
        await client.reqPq()
      }
      return null
    },
    fires: [],
  },
  {
    name: 'the hellos of 20 clients come from an hour ago',
    strike: async (world) => {
      for (let i = 0; i < 40; i++) {
        const { port, secret } = world.fleet.proxies[0]!
        await sendFrom(10 + (i % 20), port, lateHello(secret))
      }
      return null
    },
    fires: [collector('clock-skew', 'clients behind'), prometheus('MtscopeClockSkew', 'instance=proxy-1')],
  },
  {
    name: 'a phone whose clock is an hour slow tries 12 times',
    // Among ten times as many whose clocks are right.
    quietSeconds: 60,
    watch: 25,
    strike: async (world) => {
      const { port, secret } = world.fleet.proxies[0]!
      for (let i = 0; i < 12; i++) await sendFrom(10, port, lateHello(secret))
      return null
    },
    fires: [],
  },
  {
    name: 'more clients come to a proxy than it may take',
    env: { MAX_CONNECTIONS: '60' },
    strike: (world) => crowdAt(world, 0, 70),
    fires: [
      collector('limit-reached', 'connections'),
      prometheus('MtscopeLimitReached', 'instance=proxy-1 limit=connections'),
      prometheus('MtscopeClientsRefused', 'instance=proxy-1 limit=connections'),
    ],
  },
  {
    name: 'a proxy starts while its masking host is away',
    strike: async ({ fleet: { site, proxies } }) => {
      await site.goAway()
      // One that runs would look in a quarter of an hour only.
      await proxies[0]!.stop()
      await proxies[0]!.start()
      return site.comeBack
    },
    fires: [prometheus('MtscopeMaskingLost', 'instance=proxy-1')],
  },
]
