import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { newSecret } from '../kit/client/client.ts'
import { freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName, tlsSite } from '../kit/servers/site.ts'
import { until } from '../until.ts'

const program = join(import.meta.dirname, '../../../proxy/doctor/main.ts')

type Reported = {
  verdict: string
  counts: Record<string, number>
  findings: { id: string; area: string; verdict: string; says: string; advice: string | null }[]
}

/** Runs the doctor in `folder`, by default a temporary one. */
const examine = async (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  folder?: string,
) => {
  await using stack = new AsyncDisposableStack()
  const own = await mkdtemp(join(tmpdir(), 'mtscope-doctor-'))
  stack.defer(() => rm(own, { recursive: true, force: true }))
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder ?? own,
    env: { PATH: process.env.PATH, PUBLIC_HOST_FROM: 'none', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, complaints] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const startedAt = performance.now()
  const [code] = await once(child, 'close')
  return { code: code as number, out, complaints, elapsedMs: performance.now() - startedAt }
}

const reported = (out: string): Reported => JSON.parse(out) as Reported

const verdictOf = ({ findings }: Reported, id: string): string | undefined =>
  findings.find((one) => one.id === id)?.verdict

test('on a good set-up no check fails, and the exit code is 0', async () => {
  await using dc = await fakeDatacenter()
  await using media = await fakeDatacenter()
  await using site = await tlsSite()
  const env = {
    MTPROTO_PORT: `${await freePort()}`,
    METRICS_PORT: `${await freePort()}`,
    USER1_SECRET: newSecret(),
    TELEGRAM_DATACENTERS: `2=${dc.address},-2=${media.address}`,
    TLS_DOMAIN: siteName,
    MASK_HOST: site.host,
    MASK_PORT: `${site.port}`,
    PUBLIC_HOST: 'proxy.test',
    MAX_CONNECTIONS: '200',
  }
  const { code, out, complaints } = await examine(['--json'], env)
  assert.is(complaints, '')
  assert.is(code, 0, out)
  const printed = reported(out)
  assert.is(printed.verdict, 'ok')
  for (const [id, verdict] of [
    ['settings.secrets', 'ok'],
    ['clock.offset', 'ok'],
    ['datacenters.2-ipv4', 'ok'],
    ['datacenters.2-media-ipv4', 'ok'],
    ['masking.tls', 'ok'],
    ['masking.post-quantum', 'ok'],
    ['listener.port', 'note'],
    ['listener.public', 'unknown'],
    ['descriptors.limit', 'ok'],
    ['disk.space', 'ok'],
    ['runtime.node', 'ok'],
  ] as const)
    assert.is(verdictOf(printed, id), verdict, id)
  assert.ok(printed.findings.some(({ id }) => id === 'host.settings'))
  assert.equal(new Set(printed.findings.map(({ id }) => id)).size, printed.findings.length)
  assert.not.match(out, env.USER1_SECRET)

  const table = await examine([], env)
  assert.is(table.code, 0)
  // The offset is exact to half of the round trip.
  assert.match(table.out, /^clock +ok +this clock is [01]\.\d s/m)
  assert.not(table.out.includes('\x1b'))
  assert.ok(table.out.split('\n').every((line) => line.length <= 120))
})

test('next to a running proxy the doctor checks its port and descriptors without disturbing it', async () => {
  await using dc = await fakeDatacenter()
  const [port, metricsPort] = [`${await freePort()}`, `${await freePort()}`]
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { MTPROTO_PORT: port, METRICS_PORT: metricsPort },
    nofile: 4_096,
  })
  const env = {
    MTPROTO_PORT: port,
    METRICS_PORT: metricsPort,
    DATA_DIR: join(proxy.folder, 'data'),
    MTPROTO_HOST: '127.0.0.1',
    USER1_SECRET: proxy.secret,
    TELEGRAM_DATACENTERS: `2=${dc.address}`,
    MASK_HOST: 'off',
  }
  const lines = proxy.lines.length
  const { out } = await examine(['--json', '--only', 'listener,descriptors,disk'], env)
  const printed = reported(out)
  assert.is(verdictOf(printed, 'listener.port'), 'ok', out)
  assert.is(verdictOf(printed, 'listener.connect'), 'ok')
  // The limit of the proxy, not of the doctor.
  assert.match(printed.findings.find(({ id }) => id === 'descriptors.limit')?.says ?? '', /^4096 open files/)
  assert.equal([...new Set(printed.findings.map(({ area }) => area))], ['listener', 'descriptors', 'disk'])
  assert.is(await proxy.stop(), 0)
  assert.equal(
    proxy.lines.slice(lines).filter((line) => /warn|error/.test(line)),
    [],
  )
})

test('on a broken set-up each fault is a line with a hint, within seconds, and the exit code is 1', async () => {
  await using away = await fakeDatacenter()
  await using silent = await fakeDatacenter({ mood: 'silent' })
  const { address } = away
  await away.goAway()
  const { code, out, elapsedMs } = await examine(['--json'], {
    TELEGRAM_DATACENTERS: `2=${address},4=${silent.address}`,
    MASK_HOST: '127.0.0.1',
    MASK_PORT: '1',
    MAX_CONNECTIONS: '1000000',
    KAFKA_BROKERS: '127.0.0.1:1',
    REDIS_URL: 'redis://:hush@127.0.0.1:1',
    METRICS_PORT: '0',
  })
  assert.is(code, 1)
  // At most nine seconds for all checks; the rest is the start of the process.
  assert.ok(elapsedMs < 30_000, `${elapsedMs} ms`)
  const printed = reported(out)
  for (const id of ['datacenters.any', 'masking.tls', 'kafka.brokers', 'redis.node-1.ping'])
    assert.is(verdictOf(printed, id), 'fail', `${id}\n${out}`)
  assert.is(verdictOf(printed, 'clock.offset'), 'unknown')
  for (const { verdict, id, advice } of printed.findings)
    assert.ok(advice !== null || !['warn', 'fail'].includes(verdict), id)
  assert.not.match(out, 'hush')
})

test('each invalid setting is a failure, and no secret is printed', async () => {
  const weak = '0123456789abcdef0123456789abcdef'
  const { code, out } = await examine(['--only', 'settings'], { USER1_SECRET: weak, MTPROTO_PORT: '99999' })
  assert.is(code, 1)
  assert.match(out, 'USER1_SECRET is easy to guess')
  assert.match(out, 'MTPROTO_PORT=99999')
  assert.not.match(out, weak)
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-doctor-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, '.env'), 'WRONG_NAME=1\n')
  assert.match((await examine(['--only', 'settings'], {}, folder)).out, '.env line 1: WRONG_NAME')
})

test('wrong options exit with 2, --help with 0', async () => {
  for (const args of [['--nonsense'], ['--only', 'weather'], ['word']]) {
    const { code, out, complaints } = await examine(args, {})
    assert.equal([code, out], [2, ''], complaints)
    assert.match(complaints, '--help')
  }
  const help = await examine(['--help'], {})
  assert.is(help.code, 0)
  for (const word of ['--only', '--json', 'datacenters', 'masking']) assert.match(help.out, word)
})

test('a running proxy exports the verdicts of its doctor', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { DOCTOR_INTERVAL: '1' } })
  const of = (labels: Readonly<Record<string, string>>): Promise<number> =>
    proxy.metric('mtscope_doctor_finding', labels)
  const well = async (check: string): Promise<boolean> => (await of({ check, verdict: 'ok' })) === 1
  await until(
    async () => (await well('clock.offset')) && (await well('listener.port')),
    'the doctor has run once',
  )
  assert.is(await of({ check: 'clock.offset' }), 1)
  assert.is(await of({ area: 'host', check: 'host.settings' }), 1)
  assert.ok(Math.abs(await proxy.metric('mtscope_clock_offset_seconds')) < 2)
  const looked = (): Promise<number> => proxy.metric('mtscope_doctor_look_timestamp_seconds')
  const first = await looked()
  assert.ok(Math.abs(first - Date.now() / 1_000) < 20)
  await until(async () => (await looked()) > first, 'the doctor has run again')
  assert.is(await proxy.stop(), 0)
})

test.run()
