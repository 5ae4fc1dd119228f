import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { connectClient } from '../../test/kit/client/client.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'

export type Load = {
  /** Sessions that came through, whole. */
  readonly sessions: number
  /** Sessions that a client lost or could not get, and why the first did. */
  readonly dropped: number
  readonly firstDrop: string | null
  /** Milliseconds from connect to the first answer of each session since `mark`. */
  readonly times: readonly number[]
  mark(): void
  /** Lets everybody finish. */
  stop(): Promise<void>
}

const reply = randomBytes(2_000)

/**
 * People who connect, ask, and go, `perSecond` of them, and some who stay and ask again and again: through each proxy in
 * turn. A proxy of which `expected` says so may drop them: it was killed.
 */
export const startLoad = (
  proxies: readonly Appliance[],
  perSecond: number,
  staying: number,
  expected: (proxy: Appliance) => boolean = () => false,
  modes: readonly ('secure' | 'tls')[] = ['secure', 'tls'],
): Load => {
  const stopping = new AbortController()
  const present = new Set<Promise<void>>()
  let [sessions, dropped, turn] = [0, 0, 0]
  let firstDrop: string | null = null
  let times: number[] = []

  const visit = async (asks: () => boolean): Promise<void> => {
    const proxy = proxies[turn++ % proxies.length]!
    const mode = modes[turn % modes.length]!
    const since = performance.now()
    try {
      await using client = await connectClient({ port: proxy.port, secret: proxy.secret, mode, dc: 2 })
      await client.echo(reply)
      times.push(performance.now() - since)
      while (asks()) {
        await wait(300, undefined, { signal: stopping.signal }).catch(() => {})
        await client.echo(reply)
      }
      client.end()
      await client.closed
      sessions++
    } catch (error) {
      if (expected(proxy)) return
      dropped++
      firstDrop ??= error instanceof Error ? error.message : String(error)
    }
  }
  const start = (asks: () => boolean): void => {
    const visiting = visit(asks)
    present.add(visiting)
    void visiting.finally(() => present.delete(visiting))
  }
  for (let i = 0; i < staying; i++) start(() => !stopping.signal.aborted)
  const arriving = setInterval(() => start(() => false), 1_000 / perSecond)

  return {
    get sessions() {
      return sessions
    },
    get dropped() {
      return dropped
    },
    get firstDrop() {
      return firstDrop
    },
    get times() {
      return times
    },
    mark: () => {
      times = []
    },
    stop: async () => {
      clearInterval(arriving)
      stopping.abort()
      await Promise.all(present)
    },
  }
}

export const percentile = (times: readonly number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
