import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { readConfig } from '../config/config.ts'
import type { FromWorker, RelaySettings } from '../relay/settings.ts'
import { configured } from '../relay/threads/configured.ts'
import { countsMemory } from '../user-limits/counts.ts'
import { unmeasured } from '../wire/records.ts'
import { usualFlight } from '../wire/server-hello.ts'

// Only the data plane of the proxy: the same threads with the same settings, whose events are dropped. No event is
// encoded, posted, parsed, logged or folded; OpenTelemetry, HTTP, sampler and collector are missing.

const reading = readConfig(process.env)
if (!reading.ok) throw new Error(reading.mistakes.join('; '))
const { config } = reading

const settings: Omit<RelaySettings, 'worker' | 'port'> = {
  ...configured(config),
  userCounts: countsMemory(config.workers),
  users: config.users.map(({ name, secret }) => ({ name, secret: secret.bytes() })),
  directory: config.datacenters,
  upstreams: null,
  middleProxies: null,
  access: { block: null, allow: null },
  ourAddress: { ipv4: null, ipv6: null },
  domains: [
    {
      name: config.domains[0].name,
      mask: null,
      flight: usualFlight,
      records: unmeasured(config.recordSizes),
    },
  ],
  addressKey: randomBytes(32),
}

type Listening = Extract<FromWorker, { type: 'listening' }>

const start = (worker: number, port: number): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL('bare-worker.ts', import.meta.url), {
      workerData: { ...settings, worker, port } satisfies RelaySettings,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    thread.on('message', (message: FromWorker) => {
      if (message.type === 'listening') resolve(message)
    })
    thread.on('error', reject)
  })

const { port, engine } = await start(0, config.port)
for (let worker = 1; worker < config.workers; worker++) await start(worker, port)
process.stdout.write(`ready port=${port} engine=${engine}\n`)
