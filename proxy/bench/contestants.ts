import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mode, tlsDomain } from './far-ends.ts'
import { fewParts, type Part, parts } from './figures.ts'
import { measuredSettings } from './measured-settings.ts'
import { type Started, startProgram } from './programs.ts'
import type { Target } from './target.ts'

/** A running contestant, with all that a client needs. Disposing ends it. */
export type Running = AsyncDisposable & Target

export type Contestant = {
  readonly name: string
  /** Description in the report. */
  readonly what: string
  readonly modes: readonly Mode[]
  readonly parts: readonly Part[]
  /** True when it is measured as a new process, too: its first connections and its memory after the start. */
  readonly fresh: boolean
  /** Starts it as a new process with new data, in front of the datacenter at that port. */
  start(datacenterPort: number): Promise<Running>
}

/** A contestant of this repository. */
export type Own = Contestant & {
  readonly program: string
  readonly env: Readonly<Record<string, string>>
  /** Matches the line that the program prints when it is ready with the intended engine. */
  readonly readyLine: RegExp
}

const folders = new Set<string>()
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})

const startOwn = async (
  own: Pick<Own, 'program' | 'env' | 'readyLine'>,
  datacenterPort: number,
): Promise<Running> => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-bench-'))
  folders.add(folder)
  stack.defer(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    folders.delete(folder)
  })
  const secret = randomBytes(16)
  const datacenter = `127.0.0.1:${datacenterPort}`
  const settings = { ...measuredSettings({ folder, secret: secret.toString('hex'), datacenter }), ...own.env }
  const started: Started = stack.use(
    await startProgram(own.program, [`${datacenterPort}`], settings, folder, own.readyLine),
  )
  const owned = stack.move()
  const { port, pid } = started
  return { port, pid, secret, domain: tlsDomain, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A contestant with other settings than those of `base`. */
export const variant = (base: Own, changes: Partial<Omit<Own, 'start'>>): Own => {
  const own = { ...base, ...changes }
  return { ...own, start: (datacenterPort) => startOwn(own, datacenterPort) }
}

const untuned = {
  FAST_MODE: 'false',
  MAX_CONNS_IN_POOL: '0',
  TO_CLT_BUFSIZE: '16384,0,16384',
  TO_TG_BUFSIZE: '16384',
}

const appliance: Omit<Own, 'start'> = {
  name: 'tuned',
  what: 'the appliance as `npm start` runs it: two threads, telemetry and collector on (`compose/appliance.ts`)',
  program: 'compose/appliance.ts',
  env: {},
  modes: ['dd', 'ee', 'ee+pq'],
  parts,
  fresh: true,
  readyLine: /engine=native/,
}

export const tuned: Own = { ...appliance, start: (datacenterPort) => startOwn(appliance, datacenterPort) }

export const silent = variant(tuned, {
  name: 'no telemetry',
  what:
    'the relay threads of “tuned” alone (`proxy/bench/bare.ts`): events are dropped at their source; not encoded, ' +
    'posted, logged or folded; no OpenTelemetry, HTTP server, sampler or collector',
  program: 'proxy/bench/bare.ts',
  fresh: false,
})

export const contestants: readonly Own[] = [
  tuned,
  silent,
  variant(tuned, {
    name: 'un-tuned',
    what: `the appliance with ${Object.entries(untuned)
      .map(([name, value]) => `\`${name}=${value}\``)
      .join(', ')}`,
    env: untuned,
    parts: fewParts,
    fresh: false,
  }),
  variant(tuned, {
    name: 'portable',
    what: '“tuned” on `node:net` (`PORTABLE_RELAY=true`), as on systems without epoll or FFI',
    env: { PORTABLE_RELAY: 'true' },
    parts: fewParts,
    fresh: false,
    readyLine: /engine=portable/,
  }),
  variant(tuned, {
    name: 'pipe',
    what: 'two sockets joined by `pipe` in one thread of Node (`proxy/bench/pipe.ts`): no protocol, nothing checked',
    program: 'proxy/bench/pipe.ts',
    modes: ['plain'],
    parts: fewParts,
    fresh: false,
    readyLine: /ready/,
  }),
]
