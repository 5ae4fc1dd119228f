import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientName, dailyKey, keptUser, newDays, SecretsError } from './secret-store.ts'

const scratch = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const silent = (): void => {}

const mode = (path: string): number => statSync(path).mode & 0o777

const failure = (act: () => unknown): SecretsError => {
  try {
    act()
  } catch (error) {
    if (error instanceof SecretsError) return error
    throw error
  }
  throw new Error('it did not fail')
}

test('a generated secret is kept, readable by its owner only', () => {
  using dir = scratch()
  const data = join(dir.path, 'deep', 'data')
  const first = keptUser(data)
  assert.is(keptUser(data).secret.hex(), first.secret.hex())
  assert.match(first.secret.hex(), /^[0-9a-f]{32}$/)
  assert.equal([mode(data), mode(join(data, 'secrets.json'))], [0o700, 0o600])
  assert.equal(readdirSync(data), ['secrets.json'])
})

test('two hosts generate different secrets', () => {
  using one = scratch()
  using two = scratch()
  assert.is.not(keptUser(one.path).secret.hex(), keptUser(two.path).secret.hex())
})

test('a secrets file that others may read gets mode 0600', () => {
  using dir = scratch()
  keptUser(dir.path)
  const file = join(dir.path, 'secrets.json')
  chmodSync(file, 0o644)
  keptUser(dir.path)
  assert.is(mode(file), 0o600)
})

test('an unwritable folder is one clear line with a code', () => {
  using dir = scratch()
  writeFileSync(join(dir.path, 'file'), '')
  const error = failure(() => keptUser(join(dir.path, 'file', 'data')))
  assert.is(error.code, 'ERR_DATA_DIR')
  const under = failure(() => dailyKey(join('/proc', 'data'), 0, silent))
  assert.is(under.code, 'ERR_DATA_DIR')
  assert.match(
    under.message,
    /^DATA_DIR cannot be written: \/proc\/data \(E[A-Z]+\): choose a writable folder/,
  )
})

test('a damaged secrets file is reported, never replaced', () => {
  using dir = scratch()
  const file = join(dir.path, 'secrets.json')
  for (const content of [
    '{"user1":"c0ffee17',
    'null',
    '[]',
    '{"user1":7}',
    '{"user1":"00000000000000000000000000000000"}',
  ]) {
    writeFileSync(file, content)
    assert.is(failure(() => keptUser(dir.path)).code, 'ERR_SECRETS_FILE', content)
    assert.is(readFileSync(file, 'utf8'), content)
  }
})

test('the key of a day survives a restart and is overwritten at midnight', () => {
  using dir = scratch()
  const noon = Date.parse('2026-11-23T12:00:00Z')
  const midnight = noon + 43_200_000
  const key = dailyKey(dir.path, noon, silent)
  const file = join(dir.path, 'client-key.json')
  assert.is(new Date(midnight).toISOString(), '2026-11-24T00:00:00.000Z')
  assert.ok(dailyKey(dir.path, midnight - 1, silent).equals(key))
  assert.is(mode(file), 0o600)
  assert.not.ok(dailyKey(dir.path, midnight, silent).equals(key))
  assert.not.ok(readFileSync(file, 'utf8').includes(key.toString('hex')))
  assert.equal(readdirSync(dir.path), ['client-key.json'])
})

test('a key file that a crash truncated is replaced, with a log line', () => {
  using dir = scratch()
  const noon = Date.parse('2026-11-23T12:00:00Z')
  const file = join(dir.path, 'client-key.json')
  dailyKey(dir.path, noon, silent)
  const whole = readFileSync(file, 'utf8')
  const damaged = [...whole.trimEnd()].map((_, length) => whole.slice(0, length))
  for (const content of [...damaged, '\0'.repeat(120), 'null', '[]', '{"day":"2026-11-23","key":"00"}']) {
    writeFileSync(file, content)
    writeFileSync(`${file}.1.new`, whole.slice(0, 9))
    const lines: string[] = []
    const key = dailyKey(dir.path, noon, (level, message, fields) =>
      lines.push(`${level} ${message} ${fields?.file}`),
    )
    assert.equal(lines, [`warn client-key-damaged ${file}`], content)
    assert.ok(dailyKey(dir.path, noon, () => assert.unreachable()).equals(key))
    assert.equal(readdirSync(dir.path), ['client-key.json'])
  }
})

test('a secret in use is never replaced: the error names its file and what to do', () => {
  using dir = scratch()
  const file = join(dir.path, 'secrets.json')
  keptUser(dir.path)
  const whole = readFileSync(file, 'utf8')
  for (let length = 0; length < whole.trimEnd().length; length++) {
    writeFileSync(file, whole.slice(0, length))
    const { message } = failure(() => keptUser(dir.path))
    assert.ok(message.includes(file) && /restore it|move the file away/.test(message), message)
    assert.is(readFileSync(file, 'utf8').length, length)
  }
})

test('a client has one name a day', () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  assert.is(clientName(one, '203.0.113.7'), clientName(one, '203.0.113.7'))
  assert.match(clientName(one, '203.0.113.7'), /^[0-9a-f]{16}$/)
  assert.is.not(clientName(one, '203.0.113.7'), clientName(two, '203.0.113.7'))
})

test('the key follows a clock that is set: to another day, and back', async () => {
  using dir = scratch()
  const day = 86_400_000
  let now = Date.parse('2026-11-23T12:00:00Z')
  const first = dailyKey(dir.path, now, silent)
  const keys: Buffer[] = []
  let came = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const reported = (key: Buffer): void => {
    keys.push(key)
    came.resolve()
    came = Promise.withResolvers()
  }
  newDays(dir.path, stopping.signal, () => assert.unreachable(), reported, {
    now: () => now,
    everyMs: 2,
  })
  // The interval keeps no process alive.
  const alive = setInterval(() => {}, 1_000)
  for (const step of [0, 400 * day, -400 * day]) {
    const next = came.promise
    now += step
    await next
  }
  clearInterval(alive)
  stopping.abort()
  assert.ok(keys[0]?.equals(first))
  assert.is(new Set(keys.map((key) => key.toString('hex'))).size, 3)
})

test.run()
