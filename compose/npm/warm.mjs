// Starts each program once and stops it, to fill Node's compile cache (NODE_COMPILE_CACHE). A later start loads no compiler for
// types and needs 40 MB less. Runs before every `npm start`, in plain JavaScript so that it stays small itself, and returns
// immediately when neither sources nor runtime have changed.
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

/** Everything that the cache depends on, as text: sources, Node version and flags, user id. */
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

/** Settings of a start that listens on loopback only, writes only to `folder` and reads no .env. */
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
/** Makes a program load its fleet code; no server listens there. */
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
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (output.includes(' info ready ')) return
      output += text
      if (output.includes(' info ready ')) child.kill('SIGTERM')
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
  // The first run.
}
if (before !== now) {
  const ended = await Promise.all(programs.map(start))
  try {
    if (!ended.every(Boolean)) throw new Error('a program did not start')
    mkdirSync(cache, { recursive: true })
    writeFileSync(stamp, now)
  } catch (error) {
    // The folder is another user's, or the disk is full: programs compile at every start instead.
    process.stderr.write(
      `mtscope: cannot fill the compile cache ${cache} (${error.message}): the process uses 40 MB more\n`,
    )
  }
}
