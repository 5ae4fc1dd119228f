import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

/** A folder without packages, whose npm is the script `npm`. */
const place = (npm: string) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-setup-'))
  mkdirSync(join(path, 'compose/npm'), { recursive: true })
  for (const name of ['setup.mjs', 'setup.sh', 'runtime.mjs'])
    copyFileSync(join(import.meta.dirname, name), join(path, 'compose/npm', name))
  writeFileSync(join(path, 'package-lock.json'), '{}')
  writeFileSync(join(path, 'npm.js'), npm)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs setup.sh; sends `signal` when the fake npm prints that it is at work. */
const setUp = async (
  path: string,
  { signal, words = [] }: { signal?: NodeJS.Signals; words?: string[] } = {},
) => {
  const child = spawn('/bin/sh', ['compose/npm/setup.sh', ...words], {
    cwd: path,
    env: {
      PATH: process.env.PATH,
      npm_node_execpath: process.execPath,
      npm_execpath: join(path, 'npm.js'),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (signal && printed.endsWith('at work')) child.kill(signal)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, printed }
}

// Like npm ci, it removes node_modules first. It writes its arguments to `asked`.
const installs = `
const fs = require('fs')
fs.rmSync('node_modules', { recursive: true, force: true })
fs.mkdirSync('node_modules')
fs.writeFileSync('asked', process.argv.slice(2).join(' '))`
// A listening socket keeps it alive until a signal comes.
const works = `
for (const name of ['SIGINT', 'SIGTERM'])
  process.on(name, () => { require('fs').writeFileSync('undone', name); process.exit(1) })
require('net').createServer().listen(0, '127.0.0.1', () => process.stderr.write('at work'))`

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`at ${signal} setup waits until npm has undone its changes, and exits ${code}`, async () => {
    using at = place(works)
    const ended = await setUp(at.path, { signal })
    assert.is(ended.code, code, ended.printed)
    assert.is(readFileSync(join(at.path, 'undone'), 'utf8'), signal)
    assert.match(ended.printed, 'the next start installs them again')
  })

test('packages are installed once, and again after an interrupted installation', async () => {
  using at = place(installs)
  assert.match((await setUp(at.path)).printed, 'first start')
  assert.equal(await setUp(at.path), { code: 0, printed: '' })
  rmSync(join(at.path, 'node_modules/.mtscope-setup'))
  assert.match((await setUp(at.path)).printed, 'the last installation was interrupted')
  writeFileSync(join(at.path, 'package-lock.json'), '{ }')
  assert.match((await setUp(at.path)).printed, 'package-lock.json has changed')
})

test('a start installs no development packages, a test adds them, and they stay', async () => {
  using at = place(installs)
  const asked = (): string => readFileSync(join(at.path, 'asked'), 'utf8')
  await setUp(at.path)
  assert.match(asked(), 'ci --omit=dev')
  assert.match((await setUp(at.path, { words: ['--dev'] })).printed, 'development packages are missing')
  assert.match(asked(), 'ci --include=dev')
  assert.equal(await setUp(at.path), { code: 0, printed: '' })
  assert.equal(await setUp(at.path, { words: ['--dev'] }), { code: 0, printed: '' })
  writeFileSync(join(at.path, 'package-lock.json'), '{ }')
  await setUp(at.path)
  assert.match(asked(), 'ci --include=dev')
})

test('packages run no install scripts', async () => {
  using at = place(installs)
  await setUp(at.path)
  assert.match(readFileSync(join(at.path, 'asked'), 'utf8'), '--ignore-scripts')
})

test('no package needs an install script to build something', async () => {
  const { packages } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8'),
  ) as {
    packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>
  }
  const built = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript)
  // That of protobufjs only checks how its version is specified.
  assert.equal(
    built.map(([name]) => name),
    ['node_modules/protobufjs'],
  )
})

test('a failed npm leaves no stamp', async () => {
  using at = place('process.exit(3)')
  const { code, printed } = await setUp(at.path)
  assert.is(code, 1)
  assert.match(printed, 'npm ci failed (exit 3)')
  assert.not.ok(existsSync(join(at.path, 'node_modules')))
})

test.run()
