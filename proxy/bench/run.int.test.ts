import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { contestants, tuned, variant } from './contestants.ts'
import { type Amounts, type Figure, fewParts, figures, parts } from './figures.ts'
import { type Life, live, measure } from './life.ts'
import { readOptions } from './options.ts'
import { peerContestant, readSecret } from './peer.ts'
import { report, spread } from './report.ts'

const little: Amounts = {
  bulkBytes: 32e6,
  handshakes: 100,
  establishments: 5,
  roundTrips: 20,
  idle: 50,
  fresh: 10,
  rateSeconds: 0.2,
  messageSeconds: 0.2,
  quietSeconds: 0.2,
  countedBytes: 4e6,
}
const named = (name: string) => contestants.find((contestant) => contestant.name === name)!
const all = Object.keys(figures) as Figure[]
const ofNewProcesses: readonly Figure[] = ['freshDd', 'freshPq', 'startRss', 'oneWorkerRss', 'threadMessages']
const ofLoads = all.filter((key) => /^(?:rate|message|quiet|calls)/.test(key))
/** Neither `perf` nor `strace` may be there, or a tool that is may not be allowed to count. */
const ofTools = all.filter((key) => key.startsWith('calls'))

const free = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

test('every contestant relays bytes unchanged and gets its figures', async () => {
  for (const name of ['tuned', 'no telemetry', 'pipe']) {
    const contestant = named(name)
    const { measured, failed } = await measure(contestant, little, 0)
    const plain = contestant.modes.includes('plain')
    const expected = all.filter(
      (key) =>
        !ofTools.includes(key) &&
        (contestant.fresh || !ofNewProcesses.includes(key)) &&
        (contestant.parts !== fewParts || !ofLoads.includes(key)) &&
        (!plain || /Dd|end|idle/.test(key)),
    )
    for (const key of expected) {
      const value = measured[key] ?? Number.NaN
      assert.ok(Number.isFinite(value), `${name}, ${key}: ${value}`)
    }
    assert.equal(
      Object.keys(failed).filter((part) => !part.endsWith('calls')),
      [],
      JSON.stringify(failed),
    )
    const { downDdSpeed = 0, establishDdP50 = 0, establishDdP99 = 0, startRss = 0, endRss = 0 } = measured
    assert.is(startRss > 0, name === 'tuned')
    assert.ok(startRss < endRss, `${name}: ${startRss} and ${endRss} MB`)
    assert.ok(downDdSpeed > 1 && downDdSpeed < 100_000, `${name}: ${downDdSpeed} MB/s`)
    assert.ok(establishDdP50 > 0 && establishDdP50 <= establishDdP99)
  }
})

test('another proxy is started by a command and measured like ours', async () => {
  const port = await free()
  const program = join(import.meta.dirname, '../../compose/appliance.ts')
  const settings =
    'MTPROTO_PORT=$PORT MTPROTO_HOST=127.0.0.1 METRICS_PORT=0 USER1_SECRET=$SECRET MASK_HOST=off ' +
    'TLS_DOMAIN=mask.test PROBE_INTERVAL=0 DOCTOR_INTERVAL=0 PUBLIC_HOST_FROM=none WORKERS=1 FAST_MODE=false ' +
    'TELEGRAM_DATACENTERS=2=127.0.0.1:$DATACENTER_PORT'
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'bench-peer-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  // Not the last command: the shell stays, as its parent.
  const command = `export DATA_DIR=${folder} ${settings}; ${process.execPath} ${program}; true`
  const peer = peerContestant({ command, port, secret: randomBytes(16).toString('hex') })!
  const { measured, failed } = await live(peer, little, ['verify', 'handshakes', 'rates', 'messages', 'bulk'])
  assert.equal(failed, {})
  for (const key of ['handshakeDd', 'handshakePq', 'rate100Dd', 'rate1', 'messageEe', 'downDd'] as const)
    assert.ok((measured[key] ?? 0) > 0, `${key}: ${measured[key]}`)
  // The shell alone has one.
  assert.ok((measured.startRss ?? 0) > 20, `${measured.startRss} MB`)
})

test('a command that ends, and a port in use, are reported', async () => {
  const port = await free()
  const secret = 'ab'.repeat(16)
  try {
    await peerContestant({ command: 'echo no configuration; exit 3', port, secret })!.start(1)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /ended with 3; it printed:\nno configuration/)
  }
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    await peerContestant({ command: 'true', port, secret })!.start(1)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), new RegExp(`--port ${port}: another program listens there`))
  } finally {
    server.close()
  }
})

test('the modes and the domain of a peer come from its secret', () => {
  const key = '0123456789abcdef0123456789abcdef'
  assert.equal(readSecret(key)?.modes, ['dd', 'ee', 'ee+pq'])
  assert.equal(readSecret(`dd${key}`)?.modes, ['dd'])
  assert.equal(readSecret(`ee${key}${Buffer.from('example.org').toString('hex')}`), {
    secret: Buffer.from(key, 'hex'),
    domain: 'example.org',
    modes: ['ee', 'ee+pq'],
  })
  for (const wrong of ['', 'dd', key.slice(1), `ee${key}`, `${key}00`, `ff${key}`])
    assert.is(readSecret(wrong), null)
})

test('arguments that do not fit are refused with a reason', () => {
  const against = ['--against', 'x', '--port', '1', '--secret', '00'.repeat(16)]
  assert.equal(readOptions([...against, '--quick', '--datacenter-port', '443']), {
    quick: true,
    scale: false,
    peer: { command: 'x', port: 1, secret: '00'.repeat(16) },
    datacenterPort: 443,
  })
  assert.is(readOptions(['-h']), 'help')
  for (const [args, mistake] of [
    [['--loud'], /--loud/],
    [against.slice(0, 4), /need each other/],
    [[...against, '--scale'], /leave out --against/],
    [[...against.slice(0, 3), '70000', ...against.slice(4)], /--port 70000: not a port/],
    [[...against.slice(0, 5), 'zz'], /--secret: not 32 hex digits/],
  ] as const) {
    const read = readOptions(args)
    assert.match(typeof read === 'object' && 'mistake' in read ? read.mistake : '', mistake)
  }
})

test('a program that starts with another engine is refused', async () => {
  try {
    await live(variant(named('pipe'), { readyLine: /engine=native/ }), little, [])
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /does not match/)
  }
})

test('a spread has median, least and most', () => {
  assert.equal(spread([3, 1, 2]), { median: 2, least: 1, most: 3 })
  assert.equal(spread([4, 1, 2, 3]), { median: 2.5, least: 1, most: 4 })
})

test('the report judges the median of the tuned proxy and lists what failed', () => {
  const lives = [0.5, 0.7, 2].map((downDd) => ({ measured: { downDd, downEe: downDd * 2 }, failed: {} }))
  const results = new Map<string, Life[]>([
    ['tuned', lives],
    ['peer', [{ measured: {}, failed: { bulk: 'read ECONNRESET' } }]],
  ])
  const shown = [tuned, { name: 'peer', what: '`x`' }]
  const run = { shown, results, rounds: 3, command: 'x', measured: 'Measured now.', seconds: 61 }
  const lines = report(run).split('\n')
  assert.ok(lines.includes('| download, dd, CPU s/GB | 0.70 (0.50–2.00) |  | 0.9 | pass |'))
  assert.ok(lines.includes('| download, ee, CPU s/GB | 1.40 (1.00–4.00) |  | 1.2 | FAIL |'))
  assert.ok(lines.includes('- **peer**, bulk: read ECONNRESET'))
  assert.not.match(lines.join('\n'), /upload/)
})

test('parts have an order of their own, each once', () => assert.is(new Set(parts).size, parts.length))

test.run()
