import { addressOf } from '../../../../proxy/datacenter/directory.ts'
import type { ProxyEvent } from '../../../../proxy/events/contract.ts'
import type { Engine } from '../../../../proxy/net/link.ts'
import type { Ask } from '../../../../proxy/relay/claim-requests.ts'
import { type RunningRelay, startRelay } from '../../../../proxy/relay/relay.ts'
import type { RelaySettings } from '../../../../proxy/relay/settings.ts'
import type { FakeMiddleProxy } from '../servers/fake-middle-proxy.ts'
import { secret, settings } from './hand-relay.ts'

/** What a relay is started with, for the middle proxies of datacenters by their signed number. */
export const throughMiddle = (
  byDc: Readonly<Record<string, readonly FakeMiddleProxy[]>>,
): Pick<RelaySettings, 'useMiddleProxy' | 'middleProxies'> => ({
  useMiddleProxy: true,
  middleProxies: {
    byDc: new Map(
      Object.entries(byDc).map(([id, proxies]) => [
        Number(id),
        proxies.map(({ host, port }) => addressOf(host, port)),
      ]),
    ),
    defaultDc: Number(Object.keys(byDc)[0]),
    secret: Object.values(byDc)[0]![0]!.secret,
  },
})

/** A relay that listens on loopback with a real engine, in this process. Disposing throws if our own code failed. */
export const loopbackRelay = async (
  engine: Engine,
  changed: Partial<RelaySettings>,
  ask: Ask | null = null,
): Promise<
  AsyncDisposable & { relay: RunningRelay; port: number; events: ProxyEvent[]; ends: () => string[] }
> => {
  const events: ProxyEvent[] = []
  const faults: unknown[] = []
  const all: RelaySettings = {
    ...settings(),
    modes: ['classic', 'secure', 'tls'],
    maxConnections: 1_000,
    ...changed,
  }
  const relay = startRelay(
    engine,
    all,
    (event) => events.push(event),
    (error) => faults.push(error),
    ask,
  )
  const { accepted, exhausted, pulse } = relay
  const listening = await engine.listen({
    host: '127.0.0.1',
    port: 0,
    userTimeoutMs: 10_000,
    accepted,
    exhausted,
  })
  // The native engine blocks this thread while it waits, and the far ends run in it, too.
  engine.run({ pulse, patience: () => 1 }, (error) => faults.push(error))
  return {
    relay,
    port: listening.port,
    events,
    ends: () =>
      events.flatMap((event) =>
        event.type === 'connection.closed' ? [`${event.by} ${event.phase} ${event.reason}`] : [],
      ),
    [Symbol.asyncDispose]: async () => {
      relay.closeAll()
      listening.close()
      engine.stop()
      if (faults.length > 0) throw faults[0]
    },
  }
}

/** The secret of its only user, as `connectClient` takes it. */
export { secret }
