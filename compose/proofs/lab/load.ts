import { setTimeout as after } from 'node:timers/promises'
import { type Connection, open } from '../../../proxy/bench/connection.ts'
import { inRecords, isTls, type Mode, ops, prepare } from '../../../proxy/bench/far-ends.ts'
import { readSecret } from '../../../proxy/bench/peer.ts'
import { spent, usageOf } from '../../../proxy/bench/usage.ts'
import { answerBytes, type Job, noSamples } from './figures.ts'
import { segmentsOf } from './segments.ts'

// The load generator, a separate process in the namespace of the client: `node load.ts JOB` writes samples as JSON.

const job = JSON.parse(process.argv[2]!) as Job
const { amounts } = job
const key = readSecret(job.secret)!
const samples = noSamples()
/** The mode of everything except the connects. */
const usual: Mode = key.modes.includes('ee') ? 'ee' : 'dd'
const answerLimitMs = 10_000
const endless = Number.MAX_SAFE_INTEGER
let failed = 0

const bounded = <T>(work: Promise<T>): Promise<T | null> => {
  const tooLate = after(answerLimitMs, null, { ref: false })
  return Promise.race([work, tooLate]).catch(() => null)
}

/** An established connection, or null and one more failure. */
const connected = async (mode: Mode, op: number = ops.echo, amount = 0): Promise<Connection | null> => {
  const prepared = prepare(mode, key, op, amount)
  let made: Connection | undefined
  const result = await bounded(
    new Promise<Connection>((resolve, reject) => {
      made = open(job.port, prepared, resolve, reject, job.host)
    }),
  )
  if (result === null) {
    failed++
    made?.close()
  } else result.failed = () => failed++
  return result
}

const someConnected = async (count: number, op: number = ops.echo, amount = 0): Promise<Connection[]> => {
  const all = await Promise.all(Array.from({ length: count }, () => connected(usual, op, amount)))
  return all.filter((connection) => connection !== null)
}

const wire = (connection: Connection, bytes: number): Buffer => {
  const sealed = connection.prepared.seal.update(Buffer.alloc(bytes, 1))
  return isTls(usual) ? inRecords(sealed, sealed.length) : sealed
}

/** The time until `bytes` have come back for one message; null counts as a failure. */
const asked = async (connection: Connection, message: number, bytes: number): Promise<number | null> => {
  const start = performance.now()
  const took = await bounded(
    new Promise<number>((resolve) => {
      let received = 0
      connection.take = (payload) => {
        received += payload.length
        if (received >= bytes) resolve(performance.now() - start)
      }
      connection.socket.write(wire(connection, message))
    }),
  )
  if (took === null) failed++
  return took
}

const messageBytes = 64

/** Sends messages one after the other, one in `everyMs` at most, until the time has come. */
const talk = async (
  connection: Connection,
  everyMs: number,
  until: number,
  into: number[],
): Promise<void> => {
  while (performance.now() < until) {
    const next = performance.now() + everyMs
    const took = await asked(connection, messageBytes, messageBytes)
    if (took === null) return
    into.push(took)
    await after(Math.max(0, next - performance.now()))
  }
}

const connects = async (mode: Mode, everyMs: number, into: number[]): Promise<void> => {
  const all: Promise<void>[] = []
  const one = async (): Promise<void> => {
    const start = performance.now()
    const connection = await connected(mode)
    if (connection === null) return
    into.push(performance.now() - start)
    connection.close()
  }
  for (let i = 0; i < amounts.connects; i++) {
    all.push(one())
    await after(everyMs)
  }
  await Promise.all(all)
}

/** Downloads over some connections; the rate without the first third of the time, Mbit/s, and the bytes of all of it. */
const bulk = async (count: number, forMs: number) => {
  const all = await someConnected(count, ops.flood, endless)
  let bytes = 0
  for (const connection of all) {
    connection.take = (payload) => {
      bytes += payload.length
    }
    connection.socket.write(wire(connection, 8))
  }
  await after(forMs / 3)
  const [first, start] = [bytes, performance.now()]
  await after((forMs * 2) / 3)
  const mbit = ((bytes - first) * 8) / 1000 / (performance.now() - start)
  for (const connection of all) connection.close()
  return { mbit, bytes }
}

const crowd = async (): Promise<void> => {
  const some = 20
  for (let i = 0; i < job.crowd; i += some) {
    for (const connection of await someConnected(Math.min(some, job.crowd - i)))
      void after(Math.random() * 1_000).then(() => talk(connection, 1_000, endless, []))
  }
}

await crowd()
const talkers = await someConnected(4)
const silent = await someConnected(amounts.silentConnections, ops.flood, answerBytes)
await Promise.all(silent.map((connection) => asked(connection, 8, answerBytes)))

const quietUntil = performance.now() + amounts.silenceMs
const everyMs = amounts.silenceMs / amounts.connects
await Promise.all([
  ...(key.modes.includes('dd') ? [connects('dd', everyMs, samples.connectDd)] : []),
  ...(key.modes.includes('ee+pq') ? [connects('ee+pq', everyMs, samples.connectEe)] : []),
  ...talkers.map((connection) => talk(connection, 50, quietUntil, samples.idle)),
])
for (const connection of silent) {
  const took = await asked(connection, 8, answerBytes)
  if (took !== null) samples.silent.push(took)
  connection.close()
}

const [before, segmentsBefore] = [usageOf(job.pid), segmentsOf(job.pid)]
const until = performance.now() + amounts.oneMs
const [one] = await Promise.all([
  bulk(1, amounts.oneMs),
  ...talkers.map(async (connection) => {
    // The queue at the bottleneck fills first.
    await after(amounts.oneMs / 3)
    await talk(connection, 50, until, samples.loaded)
  }),
])
const eight = await bulk(8, amounts.eightMs)
const used = spent(before, usageOf(job.pid))
const segments = segmentsOf(job.pid)
samples.one.push(one.mbit)
samples.eight.push(eight.mbit)
const bytes = one.bytes + eight.bytes
samples.cpu.push(used.cpuSeconds / (bytes / 1e9))
samples.wakeUps.push(used.wakeUps / (bytes / 1e6))
samples.resent.push(((segments.resent - segmentsBefore.resent) / (segments.sent - segmentsBefore.sent)) * 100)
samples.failed.push(failed)
process.stdout.write(`${JSON.stringify(samples)}\n`, () => process.exit(0))
