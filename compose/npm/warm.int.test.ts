import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lean } from '../../proxy/app/runtime-flags.ts'
import { quiet } from '../test/kit/processes/quiet.ts'

const root = join(import.meta.dirname, '../..')
const programs = ['compose/appliance.ts', 'proxy/main.ts', 'collector/main.ts']

const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'mtscope-warm-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const ended = async (child: ChildProcess): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  return child.exitCode
}

const warm = async (cache: string, ...names: string[]): Promise<number | null> =>
  ended(
    spawn(process.execPath, [join(root, 'compose/npm/warm.mjs'), ...names], {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache },
      stdio: 'ignore',
    }),
  )

/** Runs a program until it is ready: the TypeScript files that it compiled, and those that it found in the cache. */
const start = async (program: string, cache: string, cwd: string) => {
  const fleet = { KAFKA_BROKERS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1' }
  const child = spawn(process.execPath, [join(root, program)], {
    cwd,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: cache,
      NODE_DEBUG_NATIVE: 'COMPILE_CACHE',
      ...quiet,
      ...(program === 'compose/appliance.ts' ? {} : fleet),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let debug = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    debug += text
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (/ info ready /.test(printed)) child.kill('SIGKILL')
  })
  await ended(child)
  assert.match(printed, / info ready /)
  const reported = (what: string): string[] =>
    [...debug.matchAll(new RegExp(`${what} for StrippedTypeScript file://([^\\s.]+\\.ts)`, 'g'))].map(
      ([, path]) => String(path),
    )
  return { found: reported('retrieving transpile cache'), compiled: reported('no transpile cache') }
}

test('without a filled cache, a start compiles files', async () => {
  await using at = await folder()
  const { found, compiled } = await start('collector/main.ts', join(at.path, 'cache'), at.path)
  assert.equal(found, [])
  assert.ok(compiled.length > 30, `${compiled.length} compiled`)
})

for (const program of programs)
  test(`with a filled cache, ${program} starts without compiling a file`, async () => {
    await using at = await folder()
    const cache = join(at.path, 'cache')
    assert.is(await warm(cache, program), 0)
    const { found, compiled } = await start(program, cache, at.path)
    assert.equal(compiled, [])
    assert.ok(found.length > 30, `${found.length} found`)
  })

test('the cache is filled again only when a source or the programs change', async () => {
  await using at = await folder()
  const stamp = join(at.path, 'warm')
  await warm(at.path, 'collector/main.ts')
  const { mtimeMs } = await stat(stamp)
  await warm(at.path, 'collector/main.ts')
  assert.is((await stat(stamp)).mtimeMs, mtimeMs)
  await warm(at.path, 'proxy/main.ts')
  assert.ok((await readFile(stamp, 'utf8')).includes('\nproxy/main.ts\n'))
})

test('npm start and the image set the values of proxy/app/runtime-flags.ts', async () => {
  const { NODE_COMPILE_CACHE, ...rest } = lean('/')
  const start = await readFile(join(root, 'compose/npm/mtscope'), 'utf8')
  const dockerfile = await readFile(join(root, 'compose/docker/Dockerfile'), 'utf8')
  assert.match(start, `NODE_COMPILE_CACHE="$root${NODE_COMPILE_CACHE}" `)
  for (const value of Object.values(rest)) assert.match(start, value)
  for (const [name, value] of Object.entries(rest)) assert.match(dockerfile, `${name}=${value}`)
})

test('without NODE_COMPILE_CACHE warm.mjs prints its usage', async () => {
  const child = spawn(process.execPath, [join(root, 'compose/npm/warm.mjs')], {
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  assert.is(await ended(child), 2)
  assert.match(printed, 'NODE_COMPILE_CACHE')
})

test.run()
