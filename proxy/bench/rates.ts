import { setTimeout as after } from 'node:timers/promises'
import { type Connection, openAll, opened } from './connection.ts'
import { prepareAll, type Quantiles, quantiles } from './connections.ts'
import { inRecords, type Mode, type Prepared } from './far-ends.ts'
import { charged, type Target } from './target.ts'
import { spent, usageOf } from './usage.ts'

// Load at the rates of a family server: what costs there is the wake-up and what runs when nothing happens.

/** The time that a client keeps a connection after its answer, ms. */
const HOLD_MS = 50
const messageBytes = 64
/** A prime: messages meet all connections, far from each other. */
const stride = 7_919

/** Reads the answer, waits, and closes its socket without a shutdown, as apps do: the proxy gets a FIN and no reset. */
const visit = async (target: Target, prepared: Prepared): Promise<void> => {
  const connection = await opened(target.port, prepared)
  connection.failed = () => {} // A proxy may close first.
  await after(HOLD_MS)
  connection.close()
}

/** Calls `act` with 0, 1, … at `perSecond`, however long each takes. */
const paced = async (count: number, perSecond: number, act: (i: number) => void): Promise<void> => {
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const wait = start + (i * 1000) / perSecond - performance.now()
    if (wait >= 1) await after(wait)
    act(i)
  }
}

const visits = async (target: Target, all: readonly Prepared[], perSecond: number): Promise<void> => {
  const ended: Promise<void>[] = []
  const failures: unknown[] = []
  await paced(all.length, perSecond, (i) => {
    ended.push(visit(target, all[i]!).catch((error) => void failures.push(error)))
  })
  await Promise.all(ended)
  if (failures.length > 0) throw failures[0]
}

/** CPU seconds per 1,000 connections that come at `perSecond`, modes in turn. */
export const atRate = async (
  target: Target,
  modes: readonly Mode[],
  count: number,
  perSecond: number,
): Promise<number> => {
  const all = prepareAll(target, modes, count)
  const { cpuSeconds } = await charged(target.pid, () => visits(target, all, perSecond))
  return (cpuSeconds / count) * 1000
}

/** Sends small messages at `perSecond` over open connections in turn, and awaits the echo of each. */
export const exchange = async (
  target: Target,
  connections: readonly Connection[],
  count: number,
  perSecond: number,
): Promise<Quantiles & { cpuPerThousand: number; cpuShare: number }> => {
  const message = Buffer.alloc(messageBytes, 1)
  const record = inRecords(message, message.length)
  const times: number[] = []
  const all = Promise.withResolvers<void>()
  const sends = connections.map((connection) => {
    const sent: number[] = []
    let received = 0
    connection.failed = all.reject
    connection.take = (payload) => {
      for (received += payload.length; received >= messageBytes; received -= messageBytes)
        times.push(performance.now() - sent.shift()!)
      if (times.length === count) all.resolve()
    }
    const wire = connection.prepared.hello ? record : message
    return () => {
      sent.push(performance.now())
      connection.socket.write(wire)
    }
  })
  const { cpuSeconds, seconds } = await charged(target.pid, async () => {
    await paced(count, perSecond, (i) => sends[(i * stride) % sends.length]!())
    await all.promise
  })
  return {
    ...quantiles(times),
    cpuPerThousand: (cpuSeconds / count) * 1000,
    cpuShare: cpuSeconds / seconds,
  }
}

/** CPU seconds per 1,000 small messages at `perSecond` over that many connections. */
export const messages = async (
  target: Target,
  mode: Mode,
  connections: number,
  count: number,
  perSecond: number,
): Promise<number> => {
  const open: Connection[] = []
  await openAll(target.port, prepareAll(target, [mode], connections), 16, (connection) => {
    open.push(connection)
  })
  const { cpuPerThousand } = await exchange(target, open, count, perSecond)
  for (const connection of open) connection.close()
  return cpuPerThousand
}

/** CPU (share of a core) and wake-ups per second of a proxy without connections. */
export const quiet = async (
  target: Target,
  seconds: number,
): Promise<{ cpuShare: number; wakeUpsPerSecond: number }> => {
  // The work before has ended in every process by then.
  await after(2_000)
  const before = usageOf(target.pid)
  const start = performance.now()
  await after(seconds * 1000)
  const watched = (performance.now() - start) / 1000
  const { cpuSeconds, wakeUps } = spent(before, usageOf(target.pid))
  return { cpuShare: cpuSeconds / watched, wakeUpsPerSecond: wakeUps / watched }
}
