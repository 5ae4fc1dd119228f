import { setTimeout as after } from 'node:timers/promises'
import { type Connection, openAll, opened } from './connection.ts'
import { inRecords, isTls, type Mode, type Prepared, prepare } from './far-ends.ts'
import { charged, type Target } from './target.ts'
import { rssBytes, spent, usageOf } from './usage.ts'

const saturating = 64
/** Pause between two connections to an unsaturated proxy, ms. */
const PACE_MS = 3
const echoBytes = 64

export const prepareAll = (target: Target, modes: readonly Mode[], count: number): Prepared[] =>
  Array.from({ length: count }, (_, i) => prepare(modes[i % modes.length]!, target))

/** Opens and closes connections as fast as the proxy answers: from connect to the first byte of the datacenter. */
export const handshakes = async (
  target: Target,
  mode: Mode,
  count: number,
): Promise<{ cpuPerThousand: number; perSecond: number }> => {
  const all = prepareAll(target, [mode], count)
  const { cpuSeconds, seconds } = await charged(target.pid, () =>
    openAll(target.port, all, saturating, (connection) => connection.close()),
  )
  return { cpuPerThousand: (cpuSeconds / count) * 1000, perSecond: count / seconds }
}

export type Quantiles = { p50: number; p99: number }

export const quantiles = (values: number[]): Quantiles => {
  values.sort((a, b) => a - b)
  const at = (share: number): number =>
    values[Math.min(values.length - 1, Math.floor(values.length * share))]!
  return { p50: at(0.5), p99: at(0.99) }
}

/** The time from connect to the first byte of the datacenter, one connection after the other, ms. */
export const establishing = async (target: Target, mode: Mode, count: number): Promise<Quantiles> => {
  const times: number[] = []
  for (const prepared of prepareAll(target, [mode], count)) {
    const start = performance.now()
    const connection = await opened(target.port, prepared)
    times.push(performance.now() - start)
    connection.close()
    await after(PACE_MS)
  }
  return quantiles(times)
}

/** The time from a small message to its echo on an otherwise idle connection, ms. */
export const roundTrips = async (target: Target, mode: Mode, count: number): Promise<Quantiles> => {
  const connection = await opened(target.port, prepare(mode, target))
  const message = Buffer.alloc(echoBytes, 1)
  const wire = isTls(mode) ? inRecords(message, message.length) : message
  const times: number[] = []
  await new Promise<void>((resolve, reject) => {
    let start = 0
    let received = 0
    const ask = (): void => {
      received = 0
      start = performance.now()
      connection.socket.write(wire)
    }
    connection.failed = reject
    connection.take = (payload) => {
      received += payload.length
      if (received < echoBytes) return
      times.push(performance.now() - start)
      if (times.length === count) resolve()
      else ask()
    }
    ask()
  })
  connection.close()
  return quantiles(times)
}

export type Idle = { rssPerConnection: number; cpuShare: number }

const heatUp = 100
const settleMs = 1_000
const watchMs = 2_000

/** The cost of idle connections that have relayed a first message: bytes each, and CPU seconds per second of all. */
export const idle = async (target: Target, modes: readonly Mode[], count: number): Promise<Idle> => {
  // Few: the heap room that many would leave behind would hide the cost of the measured ones.
  await openAll(target.port, prepareAll(target, modes, heatUp), saturating, (connection) =>
    connection.close(),
  )
  const all = prepareAll(target, modes, count)
  await after(settleMs)
  const before = rssBytes(target.pid)
  const open: Connection[] = []
  await openAll(target.port, all, saturating, (connection) => {
    open.push(connection)
  })
  await after(settleMs)
  const usage = usageOf(target.pid)
  const start = performance.now()
  await after(watchMs)
  const watched = (performance.now() - start) / 1000
  const cpuShare = spent(usage, usageOf(target.pid)).cpuSeconds / watched
  const rssPerConnection = (rssBytes(target.pid) - before) / count
  for (const connection of open) connection.close()
  await after(settleMs)
  return { rssPerConnection, cpuShare }
}
