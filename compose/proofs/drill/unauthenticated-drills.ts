import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connectClient, newSecret } from '../../test/kit/client/client.ts'
import { clientHello } from '../../test/kit/client/client-hello.ts'
import { oddHellos } from '../../test/kit/client/odd-hellos.ts'
import { observe } from '../../test/kit/client/probe.ts'
import { siteName } from '../../test/kit/servers/site.ts'
import { again } from './again.ts'
import { collector, type Drill, prometheus } from './drill.ts'
import type { World } from './world.ts'

const patienceMs = 3_000
const proxyOf = ({ fleet }: World, nth: number) => fleet.proxies[nth % fleet.proxies.length]!

/** Sends bytes from the address 127.0.0.x, and waits for an answer, the close or three seconds. */
const sendFrom = async (x: number, port: number, bytes: Buffer): Promise<void> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${x}` })
  socket.on('error', () => {})
  socket.setTimeout(patienceMs, () => socket.destroy())
  socket.on('data', () => socket.destroy())
  socket.write(bytes)
  if (!socket.closed) await once(socket, 'close')
}

/** A signed hello of a client whose clock is an hour slow. */
const lateHello = (secret: string): Buffer =>
  clientHello({
    secret: Buffer.from(secret, 'hex'),
    domain: siteName,
    at: Math.floor(Date.now() / 1000) - 3600,
  }).bytes

/** Opens `size` connections that stay idle until the returned function closes them. */
export const idleClientsAt = async (
  world: World,
  proxy: number,
  size: number,
): Promise<() => Promise<void>> => {
  const { port, secret } = world.fleet.proxies[proxy]!
  const clients: Client[] = []
  for (let i = 0; i < size; i++) {
    const client = await connectClient({ port, secret, mode: 'secure', dc: 2 }).catch(() => null)
    if (client !== null) clients.push(client)
  }
  return async () => {
    for (const client of clients) client.end()
    await Promise.all(clients.map(({ closed }) => closed))
  }
}

const guest = newSecret()

/** Faults of clients that the proxy refuses: unauthenticated, replayed, with a wrong clock or link, beyond a limit. */
export const unauthenticatedDrills: readonly Drill[] = [
  {
    name: 'an unauthenticated scan: ten connections a second',
    strike: async (world) =>
      again(100, (nth) => observe(proxyOf(world, nth).port, [randomBytes(200), 100, 'fin'])),
    fires: [collector('rejection-storm', 'all nodes'), prometheus('MtscopeRejectionStorm', '')],
  },
  {
    name: 'a captured hello is replayed 20 times, at both proxies',
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
    name: 'a client with a link of another domain connects ten times',
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
    name: 'signed hellos with every known client bug',
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
    name: 'the clocks of 20 clients are an hour slow',
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
    name: 'one client whose clock is an hour slow connects 12 times',
    // Among ten times as many connections of clients with a right clock.
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
    name: 'more clients connect than MAX_CONNECTIONS allows',
    env: { MAX_CONNECTIONS: '60' },
    strike: async (world) => {
      const leavers = [await idleClientsAt(world, 0, 70)]
      // As apps do: those that were refused come again, and get the places that other clients leave.
      const stop = again(100, async () => {
        leavers.push(await idleClientsAt(world, 0, 1))
      })
      return async () => {
        await stop()
        await Promise.all(leavers.map((leave) => leave()))
      }
    },
    fires: [
      collector('limit-reached', 'connections'),
      prometheus('MtscopeLimitReached', 'instance=proxy-1 limit=connections'),
      prometheus('MtscopeClientsRefused', 'instance=proxy-1 limit=connections'),
    ],
  },
  {
    name: 'a user goes on when its quota of 1 MB is used up',
    env: { USER2_NAME: 'guest', USER2_SECRET: guest, USER2_QUOTA_TOTAL: '1M' },
    strike: async ({ fleet }) => {
      const { port } = fleet.proxies[0]!
      const options = { mode: 'secure', port, secret: guest } as const
      await using client = await connectClient(options)
      await client.download(2 * 1_048_576).catch(() => undefined)
      return again(1_000, async () => {
        await using refused = await connectClient(options)
        await Promise.race([refused.reqPq().catch(() => undefined), delay(500)])
      })
    },
    fires: [collector('quota-reached', 'guest'), prometheus('MtscopeQuotaReached', 'user=guest')],
  },
  {
    name: 'a proxy starts while its masking host is unreachable',
    strike: async ({ fleet: { site, proxies } }) => {
      await site.goAway()
      // A restart, because a running proxy checks its masking host every quarter of an hour.
      await proxies[0]!.stop()
      await proxies[0]!.start()
      return site.comeBack
    },
    fires: [prometheus('MtscopeMaskingLost', 'instance=proxy-1')],
  },
]
