import { download, tdlibRecord, upload, verify } from './bulk.ts'
import { establishing, handshakes, idle, roundTrips } from './connections.ts'
import type { Mode } from './far-ends.ts'
import type { Job, Measured, Part } from './figures.ts'

// The load generator, a separate process: `node load.ts JOB` writes the figures as JSON.

const job = JSON.parse(process.argv[2]!) as Job
const { amounts } = job
const target = { pid: job.pid, port: job.port, secret: Buffer.from(job.secret, 'hex') }
// A plain relay has no modes.
const [dd, ee, pq]: readonly (Mode | null)[] = job.proxy ? ['dd', 'ee', 'ee+pq'] : ['plain', null, null]
const modes = [dd, ee].filter((mode) => mode != null)

const measured: Measured = {}

const measure: Record<Part, () => Promise<void>> = {
  verify: async () => {
    for (const mode of modes) await verify(target, mode, 4 << 20)
  },
  idle: async () => {
    const { rssPerConnection, cpuShare } = await idle(target, modes, amounts.idle)
    measured.idleRss = rssPerConnection / 1000
    measured.idleCpu = cpuShare * 100
  },
  handshakes: async () => {
    if (dd) {
      const { cpuPerThousand, perSecond } = await handshakes(target, dd, amounts.handshakes)
      measured.handshakeDd = cpuPerThousand
      measured.handshakeDdRate = perSecond
    }
    if (ee) {
      const { cpuPerThousand, perSecond } = await handshakes(target, ee, amounts.handshakes)
      measured.handshakeEe = cpuPerThousand
      measured.handshakeEeRate = perSecond
    }
    if (pq) measured.handshakePq = (await handshakes(target, pq, amounts.handshakes)).cpuPerThousand
  },
  latency: async () => {
    if (dd) {
      const establish = await establishing(target, dd, amounts.establishments)
      const echo = await roundTrips(target, dd, amounts.roundTrips)
      measured.establishDdP50 = establish.p50
      measured.establishDdP99 = establish.p99
      measured.roundTripDdP50 = echo.p50
      measured.roundTripDdP99 = echo.p99
    }
    if (ee) {
      const establish = await establishing(target, ee, amounts.establishments)
      const echo = await roundTrips(target, ee, amounts.roundTrips)
      measured.establishEeP50 = establish.p50
      measured.establishEeP99 = establish.p99
      measured.roundTripEeP50 = echo.p50
      measured.roundTripEeP99 = echo.p99
    }
  },
  bulk: async () => {
    const { bulkBytes } = amounts
    if (dd) {
      const down = await download(target, dd, bulkBytes)
      const up = await upload(target, dd, bulkBytes)
      measured.downDd = down.cpuPerGb
      measured.downDdSpeed = down.mbPerSecond
      measured.upDd = up.cpuPerGb
      measured.upDdSpeed = up.mbPerSecond
    }
    if (ee) {
      const down = await download(target, ee, bulkBytes)
      const up = await upload(target, ee, bulkBytes)
      measured.downEe = down.cpuPerGb
      measured.downEeSpeed = down.mbPerSecond
      measured.upEe = up.cpuPerGb
      measured.upEeSpeed = up.mbPerSecond
      measured.upEeSmall = (await upload(target, ee, bulkBytes, tdlibRecord)).cpuPerGb
    }
  },
}

for (const part of job.parts) await measure[part]()
process.stdout.write(`${JSON.stringify(measured)}\n`, () => process.exit(0))
