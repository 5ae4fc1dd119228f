import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, connectClient } from '../../test/kit/client/client.ts'
import { ops } from '../../test/kit/client/wishes.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'

/** What happens to some connections to datacenter `dc`, or to all datacenters (null). */
export type Trouble = {
  /** `reset`: RST after the first answer. `silence`: no second answer. `late`: the first answer takes 2.6 s. */
  readonly kind: 'reset' | 'silence' | 'late'
  readonly dc: number | null
  /** One of every `oneOf` connections has it. */
  readonly oneOf: number
}

export type Traffic = AsyncDisposable & {
  /** Null: no connection has trouble. */
  trouble: Trouble | null
  /** Connections that ended without an error. */
  readonly completed: number
}

const reply = randomBytes(1_000)
const dcs = [2, 4] as const
const lateMs = 2_600
/** Offset of the late bytes: after the obfuscated opening and the first bytes of a request. */
const lateFrom = 70

/** Opens `perSecond` connections, through each proxy and to each datacenter in turn; each sends a request and closes. */
export const startTraffic = (proxies: readonly Appliance[], perSecond: number): Traffic => {
  const stopping = new AbortController()
  const present = new Set<Promise<void>>()
  const clients = new Set<Client>()
  const visitsTo = new Map<number, number>()
  let [turn, completed] = [0, 0]
  let trouble: Trouble | null = null

  const troubleFor = (dc: number): Trouble['kind'] | null => {
    if (trouble === null || (trouble.dc !== null && trouble.dc !== dc)) return null
    const visits = (visitsTo.get(dc) ?? 0) + 1
    visitsTo.set(dc, visits)
    return visits % trouble.oneOf === 0 ? trouble.kind : null
  }
  const talk = async (client: Client, kind: Trouble['kind'] | null): Promise<void> => {
    await client.echo(reply)
    // A pause as in a chat.
    await wait(100, undefined, { signal: stopping.signal })
    if (kind === 'reset') client.wish(ops.reset)
    else if (kind === 'silence') {
      client.wish(ops.silence)
      // Two requests: a single one could be an acknowledgement, which needs no answer.
      for (let asks = 0; asks < 2; asks++) {
        client.echo(reply).catch(() => {})
        await wait(2_000, undefined, { signal: stopping.signal })
      }
    } else client.end()
    await client.closed
  }
  const visit = async (): Promise<void> => {
    const nth = turn++
    const proxy = proxies[nth % proxies.length]!
    const dc = dcs[Math.floor(nth / proxies.length) % dcs.length]!
    const kind = troubleFor(dc)
    const late = kind === 'late' ? { splitAt: [lateFrom], pauseMs: lateMs } : {}
    const mode = kind === 'late' || nth % 3 === 0 ? 'secure' : 'tls'
    const client = await connectClient({ port: proxy.port, secret: proxy.secret, mode, dc, ...late })
    clients.add(client)
    try {
      await talk(client, kind)
      completed++
    } finally {
      clients.delete(client)
      client.socket.destroy()
    }
  }
  const start = (): void => {
    // Failures are ignored here: the drill judges the events of the proxies.
    const visiting = visit().catch(() => {})
    present.add(visiting)
    void visiting.finally(() => present.delete(visiting))
  }
  const arriving = setInterval(start, 1_000 / perSecond)

  return {
    get trouble() {
      return trouble
    },
    set trouble(next) {
      trouble = next
    },
    get completed() {
      return completed
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(arriving)
      stopping.abort()
      for (const client of clients) client.socket.destroy()
      await Promise.race([Promise.all(present), wait(5_000)])
    },
  }
}
