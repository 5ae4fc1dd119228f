import { readConfig } from '../../../../proxy/config/config.ts'
import type { ProxyEvent } from '../../../../proxy/events/contract.ts'
import { budgetMemory } from '../../../../proxy/relay/budget.ts'
import { capacityMemory } from '../../../../proxy/relay/capacity.ts'
import type { Ask } from '../../../../proxy/relay/claim-requests.ts'
import { startRelay } from '../../../../proxy/relay/relay.ts'
import type { Domains, MaskingHost, RelaySettings } from '../../../../proxy/relay/settings.ts'
import { configured } from '../../../../proxy/relay/threads/configured.ts'
import { replayMemory } from '../../../../proxy/replay-cache/memory.ts'
import { countsMemory } from '../../../../proxy/user-limits/counts.ts'
import { fullRecords } from '../../../../proxy/wire/records.ts'
import { usualFlight } from '../../../../proxy/wire/server-hello.ts'
import { initiate } from '../client/obfuscation.ts'
import { type HandLink, handEngine, handLink } from './hand-driven.ts'

// For tests: a relay whose engine, links and clock the test drives.

export const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
export const domain = 'mask.test'
/** The one domain of most tests, before this masking host. */
export const domainsWith = (mask: MaskingHost | null, name = domain): Domains => [
  { name, mask, flight: usualFlight, records: fullRecords },
]
export const mask = { host: '198.51.100.1', port: 443, family: 'ipv4' } as const

const defaults = readConfig({})
if (!defaults.ok) throw new Error(defaults.mistakes.join('; '))
const common = configured(defaults.config)

/** The default settings, except limits small enough to be reached and times short enough to wait for. */
export const settings = (): RelaySettings => ({
  ...common,
  worker: 0,
  listeners: [{ name: null, modes: null, domains: null, proxyProtocolFrom: null, places: [] }],
  portable: true,
  modes: ['classic', 'secure', 'tls'],
  stallTimeoutMs: 30_000,
  clockSkewSeconds: 120,
  maxConnections: 100,
  maxHandshakes: 10,
  capacity: capacityMemory(1),
  budget: budgetMemory(),
  userCounts: countsMemory(1),
  workers: 1,
  prefixSeed: 1,
  poolSize: 0,
  eventBudget: { perSecond: 1, burst: 1_000 },
  replay: replayMemory(64),
  users: [{ name: 'one', secret }],
  directory: new Map([[2, [{ host: '192.0.2.1', port: 443, family: 'ipv4' }]]]),
  middleProxies: null,
  access: { block: null, allow: null },
  ourAddress: { ipv4: null, ipv6: null },
  domains: domainsWith(mask),
  upstreams: null,
  addressKey: Buffer.alloc(32, 1),
})

export const relaying = (
  changed: Partial<RelaySettings> = {},
  ask: Ask | null = null,
  endsDeafPeers = false,
) => {
  const engine = handEngine(endsDeafPeers)
  const events: ProxyEvent[] = []
  const faults: unknown[] = []
  const startedAt = performance.now()
  let passedMs = 0
  const clock = (): number => startedAt + passedMs
  const relay = startRelay(
    engine,
    { ...settings(), ...changed },
    (event) => events.push(event),
    (error) => faults.push(error),
    ask,
    clock,
  )
  return {
    engine,
    events,
    faults,
    relay,
    arrives: (from?: Buffer<ArrayBuffer>): HandLink => {
      const client = handLink(from)
      relay.accepted(client)
      return client
    },
    at: (ms: number) => {
      passedMs = ms
      relay.pulse(clock())
    },
    /** `by phase reason` of each closed connection. */
    ends: () =>
      events.flatMap((event) =>
        event.type === 'connection.closed' ? [`${event.by} ${event.phase} ${event.reason}`] : [],
      ),
    /** Counts that must all be zero when every connection has ended. */
    left: () => [
      relay.sessions.size,
      relay.handshakes.size,
      relay.unauthenticated.size,
      relay.relaying,
      relay.dialer.inFlight,
      ...new Int32Array(relay.settings.capacity),
    ],
  }
}
export const nothing = Array<number>(13).fill(0)

/** A client whose first request was answered, and its datacenter. */
export const relayed = ({ arrives, engine }: ReturnType<typeof relaying>): [HandLink, HandLink] => {
  const client = arrives()
  client.sends(initiate('padded-intermediate', 2, secret).bytes)
  const datacenter = engine.dials[0]!.connects()
  client.sends('up')
  datacenter.sends('down')
  return [client, datacenter]
}
