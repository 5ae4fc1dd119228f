// Starts programs once and ends them, so that what Node compiles of them is kept (NODE_COMPILE_CACHE): a start that finds all
// of it needs no compiler for types, which is 40 MB less for as long as the process runs. Plain JavaScript: it runs before
// every `npm start`, and has nothing to do when nothing has changed since.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const programs = process.argv.slice(2)
const cache = process.env.NODE_COMPILE_CACHE
if (cache === undefined || programs.length === 0) {
  process.stderr.write('usage: NODE_COMPILE_CACHE=folder node compose/npm/warm.mjs program...\n')
  process.exit(2)
}

/** Of what is compiled: the sources as they stand, this Node and its flags, and for whom. */
const state = () => {
  const files = ['proxy', 'collector', 'redis', 'compose']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
    )
    .filter((name) => name.endsWith('.ts') && !/\.(test|bench)\.ts$/.test(name))
    .sort()
    .map((name) => `${name} ${statSync(join(root, name)).mtimeMs}`)
  const runtime = [process.version, process.env.NODE_OPTIONS, process.getuid?.()]
  return `${[...runtime, ...programs, ...files].join('\n')}\n`
}

/** Nothing beyond loopback, nothing that stays, nobody's settings. */
const settings = (folder) => ({
  MTPROTO_PORT: '0',
  MTPROTO_HOST: '127.0.0.1',
  METRICS_PORT: '0',
  COLLECTOR_PORT: '0',
  DATA_DIR: join(folder, 'data'),
  MASK_HOST: 'off',
  PROBE_INTERVAL: '0',
  DOCTOR_INTERVAL: '0',
  DRAIN_SECONDS: '0',
  PUBLIC_HOST_FROM: 'none',
})
/** What a fleet loads besides; nobody answers there. */
const fleet = { KAFKA_BROKERS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1' }

const start = (program) =>
  new Promise((done) => {
    const folder = mkdtempSync(join(tmpdir(), 'mtscope-warm-'))
    const { PATH, NODE_OPTIONS = '' } = process.env
    const child = spawn(process.execPath, [join(root, program)], {
      cwd: folder,
      env: {
        PATH,
        NODE_OPTIONS,
        NODE_COMPILE_CACHE: resolve(cache),
        ...settings(folder),
        ...(program === 'compose/appliance.ts' ? {} : fleet),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const tooLong = setTimeout(() => child.kill('SIGKILL'), 60_000)
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (said.includes(' info ready ')) return
      said += text
      if (said.includes(' info ready ')) child.kill('SIGTERM')
    })
    child.on('close', (code) => {
      clearTimeout(tooLong)
      rmSync(folder, { recursive: true, force: true })
      done(code === 0)
    })
  })

const stamp = join(cache, 'warm')
const now = state()
let before = ''
try {
  before = readFileSync(stamp, 'utf8')
} catch {
  // The first time.
}
if (before !== now) {
  const ended = await Promise.all(programs.map(start))
  try {
    if (!ended.every(Boolean)) throw new Error('a program did not start')
    mkdirSync(cache, { recursive: true })
    writeFileSync(stamp, now)
  } catch (error) {
    // Another user's folder, a full disk: they compile at every start instead.
    process.stderr.write(`mtscope: compiled nothing beforehand, which costs 40 MB (${error.message})\n`)
  }
}
