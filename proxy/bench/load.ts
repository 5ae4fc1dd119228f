import { setTimeout as after } from 'node:timers/promises'
import { download, tdlibRecord, upload, verify } from './bulk.ts'
import { establishing, handshakes, idle, roundTrips } from './connections.ts'
import type { Mode } from './far-ends.ts'
import type { Figure, Job, Measured, Outcome, Part } from './figures.ts'
import { atRate, messages, quiet } from './rates.ts'
import { systemCalls } from './system-calls.ts'

// The load generator, a separate process: `node load.ts JOB` writes an Outcome as JSON.

const job = JSON.parse(process.argv[2]!) as Job
const { amounts, pid } = job
const target = { pid, port: job.port, secret: Buffer.from(job.secret, 'hex'), domain: job.domain }
const served = (...modes: Mode[]): Mode | undefined => job.modes.find((mode) => modes.includes(mode))
// A plain relay has no modes.
const [dd, ee, pq] = [served('dd', 'plain'), served('ee'), served('ee+pq')]
const modes = [dd, ee].filter((mode) => mode !== undefined)
const messageRate = 1_000
const messageConnections = 200
/** A part takes seconds; a proxy that stalls must not stop the run. */
const partMs = 120_000

const measured: Measured = {}
const set = (values: Measured): void => void Object.assign(measured, values)

const rate = async (
  figure: Figure,
  of: readonly Mode[],
  perSecond: number,
  seconds = amounts.rateSeconds,
): Promise<void> => {
  const count = Math.max(1, Math.round(seconds * perSecond))
  set({ [figure]: await atRate(target, of, count, perSecond) })
}

const fresh = async (figure: Figure, mode: Mode): Promise<void> =>
  set({ [figure]: await atRate(target, [mode], amounts.fresh, 100) })

const calls = async (figure: Figure, units: number, work: () => Promise<unknown>): Promise<void> =>
  set({ [figure]: (await systemCalls(pid, work)) / units })

const connectionCalls = (figure: Figure, mode: Mode): Promise<void> => {
  const count = Math.max(1, Math.round(amounts.rateSeconds * 50))
  return calls(figure, count, () => atRate(target, [mode], count, 100))
}

const latencyOf = async (name: 'Dd' | 'Ee', mode: Mode): Promise<void> => {
  const establish = await establishing(target, mode, amounts.establishments)
  const echo = await roundTrips(target, mode, amounts.roundTrips)
  set({
    [`establish${name}P50`]: establish.p50,
    [`establish${name}P99`]: establish.p99,
    [`roundTrip${name}P50`]: echo.p50,
    [`roundTrip${name}P99`]: echo.p99,
  })
}

const bulk = async (name: 'Dd' | 'Ee', mode: Mode): Promise<void> => {
  const down = await download(target, mode, amounts.bulkBytes)
  set({ [`down${name}`]: down.cpuPerGb, [`down${name}Speed`]: down.mbPerSecond })
  const up = await upload(target, mode, amounts.bulkBytes)
  set({ [`up${name}`]: up.cpuPerGb, [`up${name}Speed`]: up.mbPerSecond })
}

const saturated = async (name: 'Dd' | 'Ee', mode: Mode): Promise<void> => {
  const { cpuPerThousand, perSecond } = await handshakes(target, mode, amounts.handshakes)
  set({ [`handshake${name}`]: cpuPerThousand, [`handshake${name}Rate`]: perSecond })
}

const measure: Record<Part, () => Promise<void>> = {
  verify: async () => {
    for (const mode of modes) await verify(target, mode, 4 << 20)
  },
  idle: async () => {
    const { rssPerConnection, cpuShare } = await idle(target, modes, amounts.idle)
    set({ idleRss: rssPerConnection / 1000, idleCpu: cpuShare * 100 })
  },
  handshakes: async () => {
    if (dd) await saturated('Dd', dd)
    if (ee) await saturated('Ee', ee)
    if (pq) set({ handshakePq: (await handshakes(target, pq, amounts.handshakes)).cpuPerThousand })
  },
  latency: async () => {
    if (dd) await latencyOf('Dd', dd)
    if (ee) await latencyOf('Ee', ee)
  },
  bulk: async () => {
    if (dd) await bulk('Dd', dd)
    if (!ee) return
    await bulk('Ee', ee)
    set({ upEeSmall: (await upload(target, ee, amounts.bulkBytes, tdlibRecord)).cpuPerGb })
  },
  'fresh dd': async () => {
    if (dd) await fresh('freshDd', dd)
  },
  'fresh ee': async () => {
    if (pq) await fresh('freshPq', pq)
  },
  rates: async () => {
    const both = [dd, pq].filter((mode) => mode !== undefined)
    // Warm: the saturated connections before, and some at this rate.
    await atRate(target, both, Math.max(1, Math.round(amounts.rateSeconds * 50)), 100)
    if (dd) await rate('rate100Dd', [dd], 100)
    if (pq) await rate('rate100Pq', [pq], 100)
    if (dd) await rate('rate10Dd', [dd], 10)
    if (pq) await rate('rate10Pq', [pq], 10)
    await rate('rate1', both, 1, amounts.rateSeconds * 2)
  },
  messages: async () => {
    const count = Math.max(1, Math.round(amounts.messageSeconds * messageRate))
    const cost = (mode: Mode) => messages(target, mode, messageConnections, count, messageRate)
    if (dd) set({ messageDd: await cost(dd) })
    if (ee) set({ messageEe: await cost(ee) })
  },
  quiet: async () => {
    const { cpuShare, wakeUpsPerSecond } = await quiet(target, amounts.quietSeconds)
    set({ quietCpu: cpuShare * 100, quietWakeUps: wakeUpsPerSecond })
  },
  'connection calls': async () => {
    if (dd) await connectionCalls('callsDd', dd)
    if (pq) await connectionCalls('callsPq', pq)
  },
  'bulk calls': async () => {
    const mode = dd ?? ee
    const bytes = amounts.countedBytes
    if (!mode) return
    await calls('callsDown', bytes / 1e6, () => download(target, mode, bytes))
    await calls('callsUp', bytes / 1e6, () => upload(target, mode, bytes))
  },
}

const failed: Partial<Record<Part, string>> = {}
for (const part of job.parts) {
  const late = after(partMs, undefined, { ref: false }).then(() => {
    throw new Error(`not finished within ${partMs / 1000} s`)
  })
  try {
    await Promise.race([measure[part](), late])
  } catch (error) {
    failed[part] = error instanceof Error ? error.message : String(error)
  }
}
const outcome: Outcome = { measured, failed }
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0))
