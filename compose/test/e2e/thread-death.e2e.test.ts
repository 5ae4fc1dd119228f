import { readdir, writeFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, connectClient, newSecret } from '../kit/client/client.ts'
import { dying, type Way } from '../kit/processes/dying.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

// A relay thread dies in a real process: its clients are cut and counted, all others go on, and a new thread serves.

const megabyte = 1 << 20
const clients = 24

const descriptors = async ({ pid }: Appliance): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length

const opened = (proxy: Appliance): Promise<number> => proxy.metric('mtscope_connections_accepted_total')
const closed = (proxy: Appliance): Promise<number> => proxy.metric('mtscope_connections_closed_total')
const open = (proxy: Appliance): Promise<number> => proxy.metric('mtscope_connections_open')
const internal = (proxy: Appliance): Promise<number> =>
  proxy.metric('mtscope_connections_closed_total', { by: 'proxy', reason: 'internal' })

const connectAll = async (stack: AsyncDisposableStack, proxy: Appliance, secret: string): Promise<Client[]> =>
  Promise.all(
    Array.from({ length: clients }, async (_, i) =>
      stack.use(await connectClient({ port: proxy.port, secret, mode: i % 2 === 0 ? 'secure' : 'tls' })),
    ),
  )

for (const [portable, way] of [
  ['false', 'exit'],
  ['true', 'exit'],
  ['false', 'heap'],
] as [string, Way][]) {
  test(`a relay thread that dies (${way}) is replaced, and other threads lose no byte (PORTABLE_RELAY=${portable})`, async () => {
    using fault = dying(`thread-${portable}-${way}`, way)
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({
      datacenters: { 2: [dc] },
      // Places for all clients once, not twice: those of the dead thread must come back.
      env: {
        ...fault.env,
        PORTABLE_RELAY: portable,
        WORKERS: '2',
        MAX_CONNECTIONS: `${clients + 4}`,
        // Pooled connections come and go.
        MAX_CONNS_IN_POOL: '0',
      },
    })
    await using stack = new AsyncDisposableStack()
    const first = await connectAll(stack, proxy, proxy.secret)
    await Promise.all(first.map((client) => client.echo(Buffer.from('before'))))
    await until(async () => (await open(proxy)) === clients, 'their events')
    const before = await descriptors(proxy)
    for (const client of first) client.stopReading()
    const transfers = first.map((client) =>
      client.download(8 * megabyte).then(
        () => 'whole',
        () => 'cut',
      ),
    )

    fault.kill(proxy.pid, 1)
    await until(() => proxy.lines.some((line) => line.includes('relay-thread-replaced')), 'a new thread')
    for (const client of first) client.startReading()
    const ends = await Promise.all(transfers)
    const cut = ends.filter((end) => end === 'cut').length
    assert.ok(cut > 0 && cut < clients, `${cut} of ${clients} are cut`)
    // An answer is up to a second old.
    await until(async () => (await internal(proxy)) === cut, `${cut} closes as internal`)
    const line = proxy.lines.find((text) => text.includes(' error relay-thread-died ')) ?? ''
    const reason = way === 'exit' ? 'exited' : 'out-of-memory'
    assert.match(
      line,
      new RegExp(`error relay-thread-died worker=1 reason=${reason} .*connections=${cut} lost=\\d+`),
    )
    await until(
      async () => (await proxy.metric('mtscope_relay_thread_deaths_total', { reason })) === 1,
      'the death is counted',
    )
    assert.is(await proxy.metric('mtscope_internal_errors_total'), 0)

    await using again = new AsyncDisposableStack()
    const second = await Promise.all(
      Array.from({ length: cut }, async () =>
        again.use(await connectClient({ port: proxy.port, secret: proxy.secret, mode: 'secure' })),
      ),
    )
    await Promise.all(second.map((client) => client.echo(Buffer.from('after'))))
    await until(async () => (await open(proxy)) === clients, 'every place is taken again')
    assert.is(await opened(proxy), (await closed(proxy)) + (await open(proxy)))
    await until(async () => (await descriptors(proxy)) <= before, 'no descriptor of the dead thread is left')
    await until(
      async () => (await proxy.status()).alerts.some(({ rule }) => rule === 'thread-died'),
      'the alert',
    )
  })
}

test('a new thread has the users of the last reload', async () => {
  using fault = dying('thread-users')
  await using dc = await fakeDatacenter()
  const [one, two] = [newSecret(), newSecret()]
  await using proxy = await startAppliance({
    datacenters: { 2: [dc] },
    env: { ...fault.env, WORKERS: '1', USER1_SECRET: undefined },
    dotenv: `USER1_SECRET=${one}\n`,
  })
  await writeFile(`${proxy.folder}/.env`, `USER1_SECRET=${two}\n`)
  proxy.signal('SIGHUP')
  await until(() => proxy.lines.some((line) => line.includes(' reloaded ')), 'the reload')
  fault.kill(proxy.pid, 0)
  await until(() => proxy.lines.some((line) => line.includes('relay-thread-replaced')), 'a new thread')
  await using client = await connectClient({ port: proxy.port, secret: two, mode: 'secure' })
  await client.reqPq()
})

test('the sixth death within a minute ends the process with a clear error', async () => {
  using fault = dying('thread-deaths')
  await using proxy = await startAppliance({ env: { ...fault.env, WORKERS: '1' } })
  const deaths = () => proxy.lines.filter((line) => line.includes(' error relay-thread-died ')).length
  const replaced = () => proxy.lines.filter((line) => line.includes('relay-thread-replaced')).length
  for (let death = 1; death <= 5; death++) {
    fault.kill(proxy.pid, 0)
    await until(() => replaced() === death, `thread ${death} is replaced`)
  }
  fault.kill(proxy.pid, 0)
  await until(() => proxy.lines.some((line) => / error failed reason=/.test(line)), 'the error')
  assert.is(deaths(), 6)
  assert.match(proxy.lines.join('\n'), /6 relay threads died within a minute/)
  assert.is(await proxy.stop(), 1)
})

test.run()
