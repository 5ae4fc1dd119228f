import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { type FakeDatacenter, fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

const wishes: readonly Pick<ClientOptions, 'mode' | 'transport'>[] = [
  { mode: 'classic', transport: 'abridged' },
  { mode: 'classic', transport: 'intermediate' },
  { mode: 'secure', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'intermediate' },
  { mode: 'tls', transport: 'abridged' },
]
const ids = [1, 2, -2, 3, 4, -4, 5, 203]

/** A fake datacenter for each id. */
const telegram = async (stack: AsyncDisposableStack): Promise<Map<number, FakeDatacenter>> => {
  const all = new Map<number, FakeDatacenter>()
  for (const id of ids) all.set(id, stack.use(await fakeDatacenter()))
  return all
}

for (const [fast, portable] of [
  [true, false],
  [false, false],
  [true, true],
  [false, true],
]) {
  const env = { FAST_MODE: `${fast}`, PORTABLE_RELAY: `${portable}` }
  const how = `FAST_MODE=${fast}${portable ? ', by node:net' : ''}`

  test(`${how}: every mode and transport reaches every datacenter, byte for byte`, async () => {
    await using stack = new AsyncDisposableStack()
    const all = await telegram(stack)
    await using proxy = await startAppliance({ env, datacenters: Object.fromEntries(all) })
    for (const wish of wishes)
      await Promise.all(
        ids.map(async (id) => {
          const datacenter = all.get(id)!
          const opened = datacenter.next()
          const options = { ...wish, port: proxy.port, secret: proxy.secret, dc: Math.abs(id), media: id < 0 }
          await using client = await connectClient(options)
          await client.reqPq()
          for (const size of [0, 4, 507, 508, 4096, 65_000]) {
            const sent = randomBytes(size)
            assert.ok((await client.echo(sent)).equals(sent), `${wish.mode} ${wish.transport} ${size}`)
          }
          const served = await opened
          assert.is(served.transport, wish.transport)
          assert.is(served.dc, id)
        }),
      )
    const { totals } = await until(async () => {
      const status = await proxy.status()
      return status.totals.connections === ids.length * wishes.length ? status : undefined
    }, 'every connection is counted once')
    assert.ok(totals.bytesToClient > 0)
  })

  test(`${how}: bulk in both directions at the same time arrives complete`, async () => {
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({ env, datacenters: { 2: dc } })
    await Promise.all(
      wishes.map(async (wish) => {
        await using client = await connectClient({ ...wish, port: proxy.port, secret: proxy.secret })
        await Promise.all([client.download(12_345_679), client.upload(4_567_891)])
        assert.equal(await client.echo(Buffer.from('still in step')), Buffer.from('still in step'))
      }),
    )
  })

  test(`${how}: the datacenter’s bytes pass ${fast ? 'untouched' : 're-encrypted'}`, async () => {
    await using dc = await fakeDatacenter({ mood: 'raw' })
    await using proxy = await startAppliance({ env, datacenters: { 2: dc } })
    const wire: Buffer[] = []
    const opened = dc.next()
    await using client = await connectClient({
      mode: 'secure',
      port: proxy.port,
      secret: proxy.secret,
      raw: true,
      tap: (bytes) => void wire.push(bytes),
    })
    const up = randomBytes(100_003)
    client.sendPlain(up)
    const served = await opened
    await until(() => served.received().length >= up.length, 'every byte to the datacenter has arrived')
    assert.ok(served.received().equals(up))
    const down = randomBytes(100_003)
    const sealed = served.send(down)
    await until(() => client.received().length >= down.length, 'every byte to the client has arrived')
    assert.ok(client.received().equals(down))
    assert.is(Buffer.concat(wire).equals(sealed), fast)
  })
}

test('a handshake is accepted in any split', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  const hellos = [{}, { postQuantum: true }, { helloRecords: 3 }, { postQuantum: true, helloRecords: 5 }]
  const cuts = () => Array.from({ length: 4 }, () => randomInt(1, 620)).sort((one, other) => one - other)
  const clients: Pick<ClientOptions, 'mode' | 'postQuantum' | 'helloRecords' | 'splitAt' | 'opening'>[] = [
    { mode: 'classic', splitAt: 'every' },
    { mode: 'secure', splitAt: 'every' },
    { mode: 'secure', splitAt: [1, 63, 64, 65], opening: 'with-request' },
    ...hellos.map((hello) => ({ ...hello, mode: 'tls' as const, splitAt: 'every' as const })),
    ...hellos.flatMap((hello) =>
      Array.from({ length: 8 }, () => ({ ...hello, mode: 'tls' as const, splitAt: cuts() })),
    ),
    ...Array.from({ length: 8 }, () => ({
      mode: 'tls' as const,
      opening: 'with-request' as const,
      splitAt: cuts().map((at) => at + 517),
    })),
  ]
  await Promise.all(
    clients.map(async (options) => {
      const pauseMs = options.splitAt === 'every' ? 0 : 5
      await using client = await connectClient({
        ...options,
        pauseMs,
        port: proxy.port,
        secret: proxy.secret,
      }).catch((error) => {
        throw new Error(JSON.stringify(options), { cause: error })
      })
      await client.reqPq()
      const sent = randomBytes(5000)
      assert.ok((await client.echo(sent)).equals(sent))
    }),
  )
  assert.equal((await proxy.status()).rejections, [])
})

test('data in the same segment as the handshake, and clients that are idle before the first byte or request, are served', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { CLIENT_HANDSHAKE_TIMEOUT: '3' } })
  await Promise.all(
    (['classic', 'secure', 'tls'] as const).map(async (mode) => {
      const options = { mode, port: proxy.port, secret: proxy.secret }
      await using eager = await connectClient({ ...options, opening: 'with-request' })
      await using idle = await connectClient(options)
      await using silent = await connectClient({ ...options, opening: 'with-request' })
      await eager.reqPq()
      // Time itself: the client is idle for longer than a handshake may take.
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      await idle.reqPq()
      await silent.reqPq()
    }),
  )
})

test('the secret of each user is accepted, in any order of users', async () => {
  await using dc = await fakeDatacenter()
  const secrets = Array.from({ length: 20 }, () => randomBytes(16).toString('hex'))
  const users = Object.fromEntries(secrets.map((secret, i) => [`USER${i + 2}_SECRET`, secret]))
  const names = Object.fromEntries(secrets.map((_, i) => [`USER${i + 2}_NAME`, `user-${i + 2}`]))
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { ...users, ...names } })
  await Promise.all(
    secrets.flatMap((secret) =>
      (['classic', 'secure', 'tls'] as const).map(async (mode) => {
        await using client = await connectClient({ mode, port: proxy.port, secret })
        await client.reqPq()
      }),
    ),
  )
  await until(async () => {
    const { users } = await proxy.status()
    return users.filter(({ user, total }) => /^user-\d+$/.test(user) && total.connections === 3).length === 20
  }, 'three connections of each of the twenty users are counted')
})

test.run()
