import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, freePort, runAppliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

const quiet = { MTPROTO_PORT: '0', METRICS_PORT: '0', PROBE_INTERVAL: '0', MASK_HOST: 'off' }

test('every invalid setting is reported in one list, and the exit code is 2', async () => {
  const { code, lines } = await runAppliance({
    MTPROTO_PORT: '99999',
    FAST_MODE: 'perhaps',
    USER1_SECRET: '00000000000000000000000000000000',
    TELEGRAM_DATACENTERS: '2=nowhere',
    USE_MIDDLE_PROXY: 'perhaps',
    AD_TAG: '0123456789abcdef0123456789abcdef0',
    TO_CLT_BUFSIZE: 'big',
    WORKERS: '0',
  })
  assert.is(code, 2)
  const printed = lines.join('\n')
  for (const name of [
    'MTPROTO_PORT',
    'FAST_MODE',
    'USER1_SECRET',
    'TELEGRAM_DATACENTERS',
    'USE_MIDDLE_PROXY',
    'AD_TAG',
    'TO_CLT_BUFSIZE',
    'WORKERS',
  ])
    assert.match(printed, name)
  assert.not.match(printed, '00000000000000000000000000000000')
  assert.not.match(printed, '0123456789abcdef0123456789abcdef')
  assert.not.match(printed, /^\s+at .*:\d+/m)
})

/** Exit code 1 and one line about the error, without a stack trace. */
const oneLine = async (env: Readonly<Record<string, string>>, about: string): Promise<void> => {
  const { code, lines } = await runAppliance({ ...quiet, ...env })
  assert.is(code, 1, lines.join('\n'))
  const errors = lines.filter((line) => / error /.test(line))
  assert.is(errors.length, 1, lines.join('\n'))
  assert.ok(errors[0]!.includes(about), `${about} in ${errors[0]}`)
  assert.not.ok(
    lines.some((line) => /^! |^\s+at /.test(line)),
    lines.join('\n'),
  )
}

test('a port in use is one line, for clients and for the status page', async () => {
  await using taken = createServer().listen(0, '::')
  await once(taken, 'listening')
  const port = `${(taken.address() as AddressInfo).port}`
  await oneLine({ MTPROTO_PORT: port }, `MTPROTO_PORT=${port} cannot be listened on`)
  await oneLine({ METRICS_PORT: port, METRICS_HOST: '::' }, `METRICS_PORT=${port} cannot be listened on`)
  const elsewhere = 'MTPROTO_HOST=192.0.2.1 is not an address of this host'
  await oneLine({ MTPROTO_HOST: '192.0.2.1' }, elsewhere)
  await oneLine({ MTPROTO_HOST: '192.0.2.1', MTPROTO_PORT: port, MTPROTO_PORT_SHARED: 'true' }, elsewhere)
})

test('a second appliance does not share the first one’s port', async () => {
  await using first = await startAppliance()
  await oneLine({ MTPROTO_PORT: `${first.port}`, MTPROTO_HOST: '127.0.0.1' }, `${first.port}`)
})

test('of two appliances that start on one port at the same time, one gets it', async () => {
  const env = { MTPROTO_PORT: `${await freePort()}` }
  const both = await Promise.allSettled([startAppliance({ env }), startAppliance({ env })])
  await using stack = new AsyncDisposableStack()
  const started = both.flatMap((one) => (one.status === 'fulfilled' ? [stack.use(one.value)] : []))
  const refused = both.flatMap((one) => (one.status === 'rejected' ? [`${one.reason}`] : []))
  assert.is(started.length, 1)
  assert.match(refused.join(), `MTPROTO_PORT=${env.MTPROTO_PORT} cannot be listened on`)
})

test('two proxies with MTPROTO_PORT_SHARED share a port, and the kernel distributes the clients', async () => {
  await using dc = await fakeDatacenter()
  await using first = await startAppliance({ datacenters: { 2: dc }, env: { WORKERS: '1' } })
  const shared = { MTPROTO_PORT: `${first.port}`, MTPROTO_PORT_SHARED: 'true', WORKERS: '1' }
  const env = { ...shared, USER1_SECRET: first.secret }
  await using second = await startAppliance({ datacenters: { 2: dc }, env })
  assert.is(second.port, first.port)
  for (let i = 0; i < 40; i++) {
    await using client = await connectClient({ port: first.port, secret: first.secret, mode: 'secure' })
    await client.reqPq()
  }
  const accepted = (one: Appliance): Promise<number> => one.metric('mtscope_connections_accepted_total')
  await until(
    async () => (await accepted(first)) + (await accepted(second)) === 40,
    'every connection is counted',
  )
  assert.ok((await accepted(first)) > 0 && (await accepted(second)) > 0)
})

test('a second appliance refuses the DATA_DIR of the first one', async () => {
  await using first = await startAppliance()
  const folder = join(first.folder, 'data')
  await oneLine({ DATA_DIR: folder }, folder)
})

test('a DATA_DIR that cannot be written is one line', async () => {
  await using first = await startAppliance()
  const file = join(first.folder, 'a-file')
  await writeFile(file, 'not a folder')
  await oneLine({ DATA_DIR: join(file, 'data') }, 'a-file')
})

test('without a secret the appliance makes one, keeps it, and prints it in the links', async () => {
  await using proxy = await startAppliance({ env: { USER1_SECRET: undefined, PUBLIC_HOST: 'proxy.test' } })
  const links = (): string[] => proxy.lines.filter((line) => line.includes('tg://proxy?server=proxy.test'))
  const made = links()
  assert.ok(made.some((line) => /secret=dd[0-9a-f]{32}\b/.test(line)))
  assert.ok(made.some((line) => /secret=ee[0-9a-f]{32}/.test(line)))
  await proxy.stop()
  const before = proxy.lines.length
  await proxy.start()
  const secretOf = (line: string | undefined): string | undefined =>
    /secret=dd([0-9a-f]{32})/.exec(line ?? '')?.[1]
  const kept = proxy.lines.slice(before).find((line) => secretOf(line))
  assert.is(secretOf(kept), secretOf(made.find((line) => secretOf(line))))
})

test('health and readiness answer', async () => {
  await using proxy = await startAppliance()
  for (const path of ['/healthz', '/readyz', '/metrics', '/', '/api/status', '/api/alerts'])
    assert.is((await fetch(`${proxy.metricsUrl}${path}`)).status, 200, path)
  assert.is((await fetch(`${proxy.metricsUrl}/no-such-page`)).status, 404)
})

test.run()
