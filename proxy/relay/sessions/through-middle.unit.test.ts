import { randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, type ClientOptions, connectClient } from '../../../compose/test/kit/client/client.ts'
import { recordLengths } from '../../../compose/test/kit/client/tls-client.ts'
import { domainsWith } from '../../../compose/test/kit/relay/hand-relay.ts'
import { loopbackRelay, secret, throughMiddle } from '../../../compose/test/kit/relay/middle-relay.ts'
import { fakeMiddleProxy } from '../../../compose/test/kit/servers/fake-middle-proxy.ts'
import { listening } from '../../../compose/test/kit/servers/listening.ts'
import { until } from '../../../compose/test/until.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { portableEngine } from '../../net/node-net/engine.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import type { LimitedUser } from '../../user-limits/limited-user.ts'

const wishes: readonly Pick<ClientOptions, 'mode' | 'transport'>[] = [
  { mode: 'classic', transport: 'abridged' },
  { mode: 'classic', transport: 'intermediate' },
  { mode: 'secure', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'intermediate' },
  { mode: 'tls', transport: 'abridged' },
]
const MiB = 1 << 20
/** A user with limits, none of which it reaches. */
const unlimited: LimitedUser = {
  slot: 1,
  maxConnections: null,
  addresses: null,
  rateUp: null,
  rateDown: null,
  modes: null,
  networks: null,
  hasQuota: false,
}
const tag = '0123456789abcdef0123456789abcdef'

for (const [name, make] of [
  ['epoll', nativeEngine],
  ['node:net', portableEngine],
] as const) {
  const engine = () => make(300_000)!
  if (make === nativeEngine && process.platform !== 'linux') continue

  test(`${name}: messages of every mode and transport pass a middle proxy, byte for byte, over one connection`, async () => {
    await using middle = await fakeMiddleProxy({ tag })
    await using proxy = await loopbackRelay(engine(), { ...throughMiddle({ 2: [middle] }), adTag: tag })
    for (const wish of wishes) {
      await using client = await connectClient({ ...wish, port: proxy.port, secret })
      await client.reqPq()
      for (const size of [0, 4, 507, 508, 4096, 65_000, 900_000]) {
        const sent = randomBytes(size)
        assert.ok((await client.echo(sent)).equals(sent), `${wish.mode} ${wish.transport} ${size}`)
      }
    }
    assert.is(middle.accepted(), 1)
    await until(() => middle.clients().length === 0, 'the middle proxy learns that the clients have gone')
  })

  test(`${name}: bulk in both directions at the same time arrives complete`, async () => {
    await using middle = await fakeMiddleProxy({ padsNonce: true, tag: null })
    await using proxy = await loopbackRelay(engine(), throughMiddle({ 2: [middle] }))
    await Promise.all(
      wishes.map(async (wish) => {
        await using client = await connectClient({ ...wish, port: proxy.port, secret })
        await Promise.all([client.download(3_456_789), client.upload(1_567_891)])
        assert.equal(await client.echo(Buffer.from('still in step')), Buffer.from('still in step'))
      }),
    )
  })

  test(`${name}: the rate of a user holds in both directions, for its connections together, and with records that are larger than a moment’s worth`, async () => {
    await using middle = await fakeMiddleProxy()
    const limited = { ...unlimited, rateDown: MiB, rateUp: MiB / 2 }
    await using proxy = await loopbackRelay(engine(), {
      ...throughMiddle({ 2: [middle] }),
      users: [{ name: 'one', secret, limited }],
    })
    await using stack = new AsyncDisposableStack()
    const clients: Client[] = []
    for (const mode of ['secure', 'tls'] as const)
      clients.push(stack.use(await connectClient({ mode, port: proxy.port, secret })))
    const down = await Promise.all(clients.map((client) => client.download(MiB)))
    // 2 MiB, of which a burst of a quarter of a second and what is on the way come sooner.
    assert.ok(Math.max(...down) > 1_400, `${down}`)
    const up = await Promise.all(clients.map((client) => client.upload(MiB / 2)))
    assert.ok(Math.max(...up) > 1_300, `${up}`)
    for (const client of clients) await client.reqPq()
    assert.equal(proxy.ends(), [])
  })

  test(`${name}: a slow client of a user with a rate gets no more than the rate with each piece that it takes`, async () => {
    await using middle = await fakeMiddleProxy()
    await using proxy = await loopbackRelay(engine(), {
      ...throughMiddle({ 2: [middle] }),
      users: [{ name: 'one', secret, limited: { ...unlimited, rateDown: 256 << 10 } }],
    })
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret })
    let takes = true
    const taking = setInterval(() => {
      takes = !takes
      if (takes) client.startReading()
      else client.stopReading()
    }, 5)
    try {
      assert.ok((await client.download(512 << 10)) > 1_300)
    } finally {
      clearInterval(taking)
    }
  })

  test(`${name}: records to a client are as long as those of its site`, async () => {
    const sizes = [600, 700, 800, 2_000]
    await using middle = await fakeMiddleProxy()
    await using proxy = await loopbackRelay(engine(), {
      ...throughMiddle({ 2: [middle] }),
      domains: [{ ...domainsWith(null)[0]!, records: { sizes, restartMs: null } }],
    })
    const parts: Buffer[] = []
    const tap = (bytes: Buffer): void => void parts.push(Buffer.from(bytes))
    await using client = await connectClient({ mode: 'tls', port: proxy.port, secret, tap })
    parts.length = 0
    await client.reqPq()
    await client.download(300_000)
    const lengths = recordLengths(Buffer.concat(parts))
    assert.is(Math.max(...lengths), 2_000)
    assert.ok(
      lengths.slice(0, 3).every((length, i) => length <= sizes[i]!),
      `${lengths.slice(0, 5)}`,
    )
    assert.ok(lengths.filter((length) => length === 2_000).length > 100)
  })

  test(`${name}: a client that all proxies together have no place for leaves nothing at a middle proxy`, async () => {
    const answers: ((answer: ClaimAnswer) => void)[] = []
    await using middle = await fakeMiddleProxy()
    await using proxy = await loopbackRelay(
      engine(),
      {
        ...throughMiddle({ 2: [middle] }),
        users: [{ name: 'one', secret, limited: { ...unlimited, maxConnections: 1 } }],
      },
      (_, __, answer, lease) => {
        assert.equal(lease, { user: 'one', address: null })
        answers.push(answer)
      },
    )
    await using refused = await connectClient({ mode: 'secure', port: proxy.port, secret })
    await until(() => answers.length === 1 && middle.accepted() === 1, 'the question and the connection')
    answers[0]!('user-connections')
    await refused[Symbol.asyncDispose]()
    await until(() => proxy.ends().length === 1, 'the client has left')
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret })
    await until(() => answers.length === 2, 'the next question')
    answers[1]!('new')
    await client.reqPq()
    assert.is(middle.clients().length, 1)
    assert.is(middle.requests(), 1)
  })
}

test('the client of a user that was removed is closed when its time is over, and the middle proxy learns it', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await loopbackRelay(portableEngine(300_000), throughMiddle({ 2: [middle] }))
  await using client = await connectClient({ mode: 'secure', port: proxy.port, secret })
  await client.reqPq()
  proxy.relay.change({ users: [] })
  const drainMs = proxy.relay.settings.userDrainMs
  proxy.relay.pulse(performance.now() + drainMs + 2_000)
  await client.closed
  assert.equal(proxy.ends(), ['proxy relaying removed'])
  await until(() => middle.clients().length === 0, 'the middle proxy knows')
})

test('a middle proxy with another secret is left out', async () => {
  await using wrong = await fakeMiddleProxy({ mood: 'other-secret' })
  await using right = await fakeMiddleProxy({ secret: wrong.secret })
  await using proxy = await loopbackRelay(portableEngine(300_000), {
    ...throughMiddle({ 2: [wrong, right] }),
    middleProxyFallback: 'refuse',
  })
  for (let i = 0; i < 5; i++) {
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret })
    await client.reqPq()
  }
  assert.is(right.accepted(), 1)
})

test('media and unknown datacenters get the middle proxies that serve them', async () => {
  await using plain = await fakeMiddleProxy()
  await using media = await fakeMiddleProxy({ secret: plain.secret })
  await using proxy = await loopbackRelay(
    portableEngine(300_000),
    throughMiddle({ 2: [plain], '-4': [media] }),
  )
  for (const [dc, isMedia, at] of [
    [4, true, media],
    [2, true, plain],
    [5, false, plain],
  ] as const) {
    const before = at.requests()
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret, dc, media: isMedia })
    await client.reqPq()
    assert.is(at.requests(), before + 1, `${dc}`)
  }
})

test('the request has the client and the address that the header of a load balancer names', async () => {
  await using middle = await fakeMiddleProxy()
  const listener = { name: 'web', modes: null, domains: null, proxyProtocolFrom: ['127.0.0.0/8'], places: [] }
  await using proxy = await loopbackRelay(portableEngine(300_000), {
    ...throughMiddle({ 2: [middle] }),
    listeners: [listener],
  })
  const balancer = createServer((client) => {
    const server = connect(proxy.port, '127.0.0.1')
    server.write('PROXY TCP4 198.51.100.7 203.0.113.1 50001 443\r\n')
    for (const socket of [client, server]) socket.on('error', () => {})
    client.pipe(server).pipe(client)
  })
  await using front = await listening(balancer)
  await using client = await connectClient({ mode: 'secure', port: front.port, secret })
  await client.reqPq()
  const { remote, ours } = middle.clients()[0]!.request
  assert.equal(remote, { host: '198.51.100.7', port: 50_001 })
  assert.equal(ours, { host: '203.0.113.1', port: 443 })
})

test.run()
