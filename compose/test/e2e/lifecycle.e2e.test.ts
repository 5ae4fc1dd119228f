import { once } from 'node:events'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Status } from '../../../collector/read/status.ts'
import { connectClient, newSecret } from '../kit/client/client.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

const settled = (proxy: Appliance, connections: number): Promise<Status> =>
  until(async () => {
    const status = await proxy.status()
    return status.totals.connections === connections && status.open.total === 0 ? status : undefined
  }, `${connections} connections counted, none open`)

test('SIGTERM lets a download finish, refuses new connections, and exits with 0', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { DRAIN_SECONDS: '60' } })
  const options = { mode: 'tls' as const, port: proxy.port, secret: proxy.secret }
  await using client = await connectClient(options)
  await client.reqPq()
  const download = client.download(3_000_000, 1_500_000)
  proxy.signal('SIGTERM')
  await until(
    () =>
      connectClient({ ...options, opening: 'with-request' }).then(
        async (late) => {
          await late[Symbol.asyncDispose]()
          return false
        },
        () => true,
      ),
    'new connections are refused',
  )
  await download
  const startedAt = performance.now()
  const exit = proxy.stop()
  client.end()
  assert.is(await exit, 0)
  assert.ok(performance.now() - startedAt < 30_000, 'it ends as soon as no connection is left')
})

test('two SIGINTs of one Ctrl-C, from the terminal and from npm, drain once', async () => {
  await using proxy = await startAppliance()
  proxy.signal('SIGINT')
  assert.is(await proxy.stop('SIGINT'), 0)
  assert.ok(
    proxy.lines.some((line) => line.includes(' info stopped')),
    proxy.lines.join('\n'),
  )
})

test('connections that outlast DRAIN_SECONDS are closed and, after the restart, counted as drained', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { DRAIN_SECONDS: '1' } })
  await using stack = new AsyncDisposableStack()
  for (const mode of ['classic', 'secure', 'tls'] as const) {
    const client = stack.use(await connectClient({ mode, port: proxy.port, secret: proxy.secret }))
    await client.download(100_000)
  }
  assert.is(await proxy.stop(), 0)
  await proxy.start()
  const status = await settled(proxy, 3)
  assert.ok(status.totals.bytesToClient > 300_000)
  const drained = status.closes.filter(({ reason }) => reason === 'drain')
  assert.is(
    drained.reduce((sum, { total }) => sum + total, 0),
    3,
  )
  assert.not(drained.some(({ drop }) => drop))
})

test('SIGHUP adds and removes users without closing open connections', async () => {
  await using dc = await fakeDatacenter()
  const [bob, carol] = [newSecret(), newSecret()]
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    dotenv: `USER2_SECRET=${bob}\nUSER2_NAME=bob\n`,
    env: { USER_DRAIN_SECONDS: '3600' },
  })
  const serves = (secret: string): Promise<boolean> =>
    connectClient({ mode: 'tls', port: proxy.port, secret }).then(
      async (client) => {
        await client[Symbol.asyncDispose]()
        return true
      },
      () => false,
    )
  await using staying = await connectClient({ mode: 'tls', port: proxy.port, secret: bob })
  await staying.reqPq()
  assert.ok(await serves(bob))
  assert.not(await serves(carol))
  const printed = proxy.lines.length
  await writeFile(
    join(proxy.folder, '.env'),
    `USER3_SECRET=${carol}\nUSER3_NAME=carol\nIDLE_TIMEOUT=77\nSTALL_TIMEOUT=77\n`,
  )
  proxy.signal('SIGHUP')
  const needs = / warn needs-restart settings=IDLE_TIMEOUT,STALL_TIMEOUT$/
  await until(
    () => proxy.lines.slice(printed).some((line) => needs.test(line)),
    'the settings that need a restart are logged',
  )
  const links = proxy.lines.slice(printed).filter((line) => line.includes('tg://proxy'))
  assert.is(links.length, 3)
  assert.ok(links.every((line) => line.includes(carol)))
  await until(() => serves(carol), 'carol is served')
  await until(async () => !(await serves(bob)), 'bob is refused')
  assert.equal(await staying.echo(Buffer.from('still here')), Buffer.from('still here'))
  await staying.download(2_000_000)
  await using fresh = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
  await fresh.reqPq()
})

test('an invalid setting at SIGHUP is logged and changes nothing', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  const printed = proxy.lines.length
  await writeFile(join(proxy.folder, '.env'), 'USER2_SECRET=not-a-secret\n')
  proxy.signal('SIGHUP')
  await until(
    () => proxy.lines.slice(printed).some((line) => line.includes('USER2_SECRET')),
    'the mistake is logged',
  )
  await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
  await client.reqPq()
})

test('SIGHUP during the start reloads after it', async () => {
  await using silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  // Sent during the start, which waits for a masking host that does not answer.
  const middle = 'datacenter-name-not-found'
  await using proxy = await startAppliance({
    env: { TELEGRAM_DATACENTERS: '2=nowhere.invalid:443', MASK_HOST: '127.0.0.1', MASK_PORT: `${port}` },
    starting: (line, signal) => {
      if (line.includes(middle)) signal('SIGHUP')
    },
  })
  const [reported, ready] = [middle, ' info ready '].map((word) =>
    proxy.lines.findIndex((line) => line.includes(word)),
  )
  assert.ok(reported! >= 0 && reported! < ready!)
  await until(() => proxy.lines.slice(ready).some((line) => / info reloaded /.test(line)), 'the reload')
})

test('SIGHUP with an empty or missing .env is refused, and its users stay', async () => {
  await using dc = await fakeDatacenter()
  const secret = newSecret()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    dotenv: `USER1_SECRET=${secret}\n`,
    env: { USER1_SECRET: undefined },
  })
  const file = join(proxy.folder, '.env')
  for (const mishap of [() => truncate(file), () => rm(file)]) {
    const printed = proxy.lines.length
    await mishap()
    proxy.signal('SIGHUP')
    const line = await until(
      async () => proxy.lines.slice(printed).find((line) => / reload/.test(line)),
      'an answer to SIGHUP',
    )
    assert.match(line, /error reload-refused .*USER<n>_SECRET/)
    await using client = await connectClient({ mode: 'tls', port: proxy.port, secret })
    await client.reqPq()
  }
  const printed = proxy.lines.length
  await writeFile(file, `USER2_SECRET=${newSecret()}\n`)
  proxy.signal('SIGHUP')
  await until(
    async () => proxy.lines.slice(printed).some((line) => / info reloaded /.test(line)),
    'the reload',
  )
})

test('after kill -9 the totals continue, and nothing is counted twice', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  const visit = async (): Promise<void> => {
    const options = { mode: 'tls' as const, port: proxy.port, secret: proxy.secret }
    await using client = await connectClient(options)
    await client.download(50_000)
  }
  await Promise.all(Array.from({ length: 10 }, visit))
  const before = await settled(proxy, 10)
  for (const round of [1, 2]) {
    await proxy.stop('SIGKILL')
    await proxy.start()
    const after = await proxy.status()
    assert.is(after.totals.connections, 10 + round - 1)
    if (round === 1) assert.equal(after.totals.bytesToClient, before.totals.bytesToClient)
    await visit()
    await settled(proxy, 10 + round)
  }
})

test('after kill -9 under load every emitted event is counted, and no dead connection counts as open', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  await using stack = new AsyncDisposableStack()
  const open = () => connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
  const clients = await Promise.all(Array.from({ length: 5 }, open))
  for (const client of clients) stack.use(client)
  await Promise.all(clients.map((client) => client.download(1_000_000)))
  const downloads = clients.map((client) => client.download(500_000_000).catch(() => {}))
  const reported = await until(async () => {
    const status = await proxy.status()
    return status.totals.connections === 5 ? status : undefined
  }, 'all five are counted')
  await proxy.stop('SIGKILL')
  await Promise.all(downloads)
  await proxy.start()
  const first = await proxy.status()
  assert.is(first.open.total, 0)
  assert.is(first.totals.connections, 5)
  assert.ok(first.totals.bytesToClient >= reported.totals.bytesToClient)
  await proxy.stop('SIGKILL')
  await proxy.start()
  assert.equal((await proxy.status()).totals, first.totals)
})

test.run()
