import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { connectClient } from '../../test/kit/client/client.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'

export type Load = {
  /** Connections that ended without an error. */
  readonly connections: number
  /** Connections that failed, and the error of the first. */
  readonly dropped: number
  readonly firstDrop: string | null
  /** Milliseconds from connect to the first answer, of each connection since `mark`. */
  readonly times: readonly number[]
  mark(): void
  /** Stops new connections and waits until the open ones have ended. */
  stop(): Promise<void>
}

const reply = randomBytes(2_000)

/**
 * Opens `perSecond` connections through each proxy in turn; each sends a request and closes. `staying` more connections repeat
 * their request until `stop`. Failures at a proxy for which `expected` returns true (it was killed) do not count.
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
  let [connections, dropped, turn] = [0, 0, 0]
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
      connections++
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
    get connections() {
      return connections
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
