import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, connectClient } from '../../test/kit/client/client.ts'
import { observe } from '../../test/kit/client/probe.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'

export type SoakLoad = {
  /** TCP connections made to the proxy. */
  readonly opened: number
  /** Those of them that proved a secret. */
  readonly sessions: number
  /** Sessions that failed, and the error of the first. */
  readonly dropped: number
  readonly firstDrop: string | null
  /** Connections that were due while too many others were open: this machine is too slow. */
  readonly skipped: number
  /** Stops new connections, and waits until the open ones have ended. */
  stop(): Promise<void>
}

type Kind = 'secure' | 'tls' | 'staying' | 'bulk' | 'silent' | 'noise' | 'http' | 'replay'

/** Of each hundred connections so many are of a kind; the others are `secure` and `tls`, half each. */
const shares: readonly (readonly [Kind, number])[] = [
  ['staying', 2],
  ['silent', 4],
  ['noise', 4],
  ['http', 4],
  ['replay', 3],
]
/** One connection of so many sends and receives megabytes. */
const bulkEach = 2_000
const stayMs = 20_000
const silentMs = 3_000
const mostOpen = 2_000
const reply = randomBytes(2_000)
const megabyte = 2 ** 20
const request = Buffer.from('GET / HTTP/1.1\r\nHost: mask.test\r\n\r\n')

const kindOf = (nth: number): Kind => {
  if (nth % bulkEach === bulkEach - 1) return 'bulk'
  // Spreads the kinds over the hundred.
  let place = (nth * 37) % 100
  for (const [kind, share] of shares) {
    if (place < share) return kind
    place -= share
  }
  return nth % 2 === 0 ? 'secure' : 'tls'
}

/** The address of a client: 50 prefixes of 250 addresses. */
const addressOf = (nth: number): string => `127.1.${nth % 50}.${1 + (Math.floor(nth / 50) % 250)}`

/** Opens `perSecond` connections of all kinds through the proxy. */
export const startSoakLoad = ({ port, secret }: Appliance, perSecond: number): SoakLoad => {
  const stopping = new AbortController()
  const present = new Set<Promise<void>>()
  const count = { opened: 0, sessions: 0, dropped: 0, firstDrop: null as string | null, skipped: 0 }
  let hello: Buffer | null = null
  let nth = 0

  const talk = async (client: Client, kind: Kind): Promise<void> => {
    await client.echo(reply)
    if (kind === 'staying') {
      await wait(stayMs, undefined, { signal: stopping.signal }).catch(() => {})
      await client.echo(reply)
    }
    if (kind === 'bulk') {
      await client.download(16 * megabyte)
      await client.upload(4 * megabyte)
    }
    client.end()
    await client.closed
  }
  const visit = async (kind: Kind, address: string, mode: 'secure' | 'tls'): Promise<void> => {
    count.opened++
    try {
      await using client = await connectClient({ port, secret, mode, localAddress: address })
      count.sessions++
      if (mode === 'tls') hello = client.firstBytes[0] ?? null
      await talk(client, kind)
    } catch (error) {
      count.dropped++
      count.firstDrop ??= error instanceof Error ? error.message : String(error)
    }
  }
  const keepSilent = async (localAddress: string): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    count.opened++
    await wait(silentMs, undefined, { signal: stopping.signal }).catch(() => {})
    socket.destroy()
    if (!socket.closed) await once(socket, 'close')
  }
  const probe = async (bytes: Buffer): Promise<void> => {
    count.opened++
    await observe(port, [bytes, 100, 'fin']).catch(() => null)
  }
  const start = (kind: Kind, at: number): Promise<void> => {
    if (kind === 'silent') return keepSilent(addressOf(at))
    if (kind === 'noise') return probe(randomBytes(200))
    if (kind === 'http') return probe(request)
    if (kind === 'replay' && hello !== null) return probe(hello)
    return visit(kind, addressOf(at), kind === 'secure' || at % 4 < 2 ? 'secure' : 'tls')
  }
  const begun = performance.now()
  const arriving = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1_000) * perSecond)
    for (; nth < due; nth++) {
      if (present.size >= mostOpen) {
        count.skipped++
        continue
      }
      const going = start(kindOf(nth), nth)
      present.add(going)
      void going.finally(() => present.delete(going))
    }
  }, 10)
  return Object.assign(count, {
    stop: async () => {
      clearInterval(arriving)
      stopping.abort()
      await Promise.all(present)
    },
  })
}
