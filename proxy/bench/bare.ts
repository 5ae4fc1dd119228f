import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { readConfig } from '../config/config.ts'
import { claimPorts, openSockets } from '../net/sockets.ts'
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

const claimed = await claimPorts([{ host: config.host, port: config.port }], true, config.portShared)
const { places } = await openSockets(claimed.listeners, {
  threads: config.workers,
  native: !config.portable,
  tuning: { userTimeoutMs: config.ackTimeoutMs },
  env: {},
  warn: () => {},
})
const [at] = claimed.listeners
const port = at !== undefined && 'port' in at ? at.port : 0

const settings: Omit<RelaySettings, 'worker'> = {
  ...configured(config),
  userCounts: countsMemory(config.workers),
  listeners: [{ name: null, modes: null, domains: null, proxyProtocolFrom: null, places: places[0]! }],
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

const start = (worker: number): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL('bare-worker.ts', import.meta.url), {
      workerData: { ...settings, worker } satisfies RelaySettings,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    thread.on('message', (message: FromWorker) => {
      if (message.type === 'listening') resolve(message)
    })
    thread.on('error', reject)
  })

const { engine } = await start(0)
for (let worker = 1; worker < config.workers; worker++) await start(worker)
process.stdout.write(`ready port=${port} engine=${engine}\n`)
