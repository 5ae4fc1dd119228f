import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, connectClient } from '../../test/kit/client/client.ts'
import { ops } from '../../test/kit/client/wishes.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'

/** What becomes of some of the sessions to one datacenter, or to all (null). */
export type Trouble = {
  /** `reset`: answered, then ended by RST. `silence`: answered, then never again. `late`: answered after 2.6 s. */
  readonly kind: 'reset' | 'silence' | 'late'
  readonly dc: number | null
  /** Of every so many sessions there, one. */
  readonly oneOf: number
}

export type People = AsyncDisposable & {
  /** Null: everybody is served well. */
  trouble: Trouble | null
  /** Sessions that ended as they should. */
  readonly well: number
}

const reply = randomBytes(1_000)
const dcs = [2, 4] as const
const lateMs = 2_600
/** The obfuscated opening and the first bytes of a request: what comes after is late. */
const lateFrom = 70

/** People who connect, ask, and go: `perSecond` of them, through each proxy and to each datacenter in turn. */
export const startPeople = (proxies: readonly Appliance[], perSecond: number): People => {
  const stopping = new AbortController()
  const present = new Set<Promise<void>>()
  const clients = new Set<Client>()
  const visitsTo = new Map<number, number>()
  let [turn, well] = [0, 0]
  let trouble: Trouble | null = null

  const troubleFor = (dc: number): Trouble['kind'] | null => {
    if (trouble === null || (trouble.dc !== null && trouble.dc !== dc)) return null
    const visits = (visitsTo.get(dc) ?? 0) + 1
    visitsTo.set(dc, visits)
    return visits % trouble.oneOf === 0 ? trouble.kind : null
  }
  const talk = async (client: Client, kind: Trouble['kind'] | null): Promise<void> => {
    await client.echo(reply)
    // A moment of a chat.
    await wait(100, undefined, { signal: stopping.signal })
    if (kind === 'reset') client.wish(ops.reset)
    else if (kind === 'silence') {
      client.wish(ops.silence)
      // Asks, and asks again: an acknowledgement would want no answer.
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
      well++
    } finally {
      clients.delete(client)
      client.socket.destroy()
    }
  }
  const start = (): void => {
    // Whoever is not served goes away: what the proxies tell of it is what is looked at.
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
    get well() {
      return well
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(arriving)
      stopping.abort()
      for (const client of clients) client.socket.destroy()
      await Promise.race([Promise.all(present), wait(5_000)])
    },
  }
}
