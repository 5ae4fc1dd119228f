import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, type ClientOptions, connectClient } from '../../../compose/test/kit/client/client.ts'
import { frame } from '../../../compose/test/kit/client/frames.ts'
import { testMessage } from '../../../compose/test/kit/client/messages.ts'
import { numbers, ops } from '../../../compose/test/kit/client/wishes.ts'
import { loopbackRelay, secret, throughMiddle } from '../../../compose/test/kit/relay/middle-relay.ts'
import { fakeDatacenter } from '../../../compose/test/kit/servers/fake-datacenter.ts'
import { fakeMiddleProxy } from '../../../compose/test/kit/servers/fake-middle-proxy.ts'
import { until } from '../../../compose/test/until.ts'
import { addressOf } from '../../datacenter/directory.ts'
import { addressBytes, seenAddress } from '../../middle-proxy/directory.ts'
import { FULL } from '../../middle-proxy/pool.ts'
import { portableEngine } from '../../net/node-net/engine.ts'
import type { RelaySettings } from '../settings.ts'

const start = (changed: Partial<RelaySettings>) => loopbackRelay(portableEngine(300_000), changed)
type Proxy = Awaited<ReturnType<typeof start>>

const connected = (proxy: Proxy, options: Partial<ClientOptions> = {}): Promise<Client> =>
  connectClient({ mode: 'secure', port: proxy.port, secret, ...options })

const limitsOf = (proxy: Proxy): string[] =>
  proxy.events.flatMap((event) => (event.type === 'limit.refused' ? [event.limit] : []))
const dialed = (proxy: Proxy) =>
  proxy.events.flatMap((event) => (event.type === 'datacenter.dialed' ? [event] : []))
const failures = (proxy: Proxy) =>
  proxy.events.flatMap((event) => (event.type === 'middle-proxy.failed' ? [event.error] : []))

test('many clients share few connections, and each gets its own answers', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start({ ...throughMiddle({ 2: [middle] }), middleProxyConnections: 3 })
  await using stack = new AsyncDisposableStack()
  const clients: Client[] = []
  for (let i = 0; i < FULL * 4; i++) {
    const client = stack.use(await connected(proxy))
    await client.echo(Buffer.from(`client ${i}`))
    clients.push(client)
  }
  assert.is(middle.accepted(), 3)
  await Promise.all(
    clients.map(async (client) => {
      const sent = randomBytes(20_000)
      assert.ok((await client.echo(sent)).equals(sent))
    }),
  )
  assert.is(middle.clients().length, clients.length)
  const ids = new Set(middle.clients().map(({ request }) => request.id))
  assert.is(ids.size, clients.length)
})

test('load spreads over the middle proxies of a datacenter', async () => {
  await using one = await fakeMiddleProxy()
  await using other = await fakeMiddleProxy({ secret: one.secret })
  await using proxy = await start({ ...throughMiddle({ 2: [one, other] }), middleProxyConnections: 1 })
  await using stack = new AsyncDisposableStack()
  for (let i = 0; i < FULL * 2; i++) await stack.use(await connected(proxy)).reqPq()
  await until(() => one.accepted() === 1 && other.accepted() === 1, 'both have a connection')
  for (let i = 0; i < 8; i++) await stack.use(await connected(proxy)).reqPq()
  assert.ok(one.clients().length > 0 && other.clients().length > 0)
})

test('the request has the client’s address, ours and the tag of the user', async () => {
  const [tag, own] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  await using middle = await fakeMiddleProxy()
  await using proxy = await start({
    ...throughMiddle({ 2: [middle] }),
    adTag: tag,
    ourAddress: { ipv4: null, ipv6: '2001:db8::1' },
  })
  await using client = await connected(proxy)
  await client.reqPq()
  const [first] = middle.clients()
  assert.equal(first!.request.remote, { host: '127.0.0.1', port: client.socket.localPort! })
  assert.equal(first!.request.ours, { host: '127.0.0.1', port: proxy.port })
  assert.is(first!.request.tag, tag)
  proxy.relay.change({ users: [{ name: 'one', secret, adTag: own }] })
  await using next = await connected(proxy)
  await next.reqPq()
  assert.is(middle.clients()[1]!.request.tag, own)
  proxy.relay.change({ users: [{ name: 'one', secret, adTag: null }] })
  await using last = await connected(proxy)
  await last.reqPq()
  assert.is(middle.clients()[2]!.request.tag, null)
})

test('behind NAT the keys have the address that the middle proxy sees', async () => {
  const ours = { ipv4: '203.0.113.7', ipv6: '2001:db8::7' }
  for (const [local, seen] of [
    ['192.168.1.2', '203.0.113.7'],
    ['10.0.0.2', '203.0.113.7'],
    ['100.64.3.2', '203.0.113.7'],
    ['fd00::2', '2001:db8::7'],
    // A host with several public addresses dials from any of them.
    ['198.51.100.9', '198.51.100.9'],
    ['127.0.0.1', '203.0.113.7'],
    ['2001:db8::9', '2001:db8::9'],
  ] as const)
    assert.equal(seenAddress(addressBytes(local), ours), addressBytes(seen), local)
  const unknown = addressBytes('192.168.1.2')
  assert.equal(seenAddress(unknown, { ipv4: null, ipv6: null }), unknown)

  await using middle = await fakeMiddleProxy({ sees: '203.0.113.7' })
  await using proxy = await start({ ...throughMiddle({ 2: [middle] }), ourAddress: ours })
  await using client = await connected(proxy)
  await client.reqPq()
  assert.is(middle.clients().length, 1)
})

test('a middle proxy is reached over IPv6', async () => {
  await using middle = await fakeMiddleProxy({ host: '::1' })
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using client = await connected(proxy)
  const sent = randomBytes(40_000)
  assert.ok((await client.echo(sent)).equals(sent))
  assert.is(dialed(proxy)[0]!.family, 'ipv6')
})

test('quick acknowledgements reach the client that asked for them', async () => {
  await using middle = await fakeMiddleProxy({ mood: 'silent' })
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  const message = testMessage(ops.echo, Buffer.from('fast'))
  const intermediate = frame('intermediate', message)
  intermediate[3]! |= 0x80
  const abridged = frame('abridged', message)
  abridged[0]! |= 0x80
  for (const [transport, bytes, token] of [
    ['intermediate', intermediate, 'c3b2a180'],
    ['abridged', abridged, '80a1b2c3'],
  ] as const) {
    await using client = await connected(proxy, { mode: 'classic', transport, raw: true })
    client.sendPlain(bytes)
    await until(() => client.received().length === 4, 'the acknowledgement arrives')
    assert.is(client.received().toString('hex'), token)
  }
})

test('a length that no client sends closes this client and no other one', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using good = await connected(proxy)
  await good.reqPq()
  await using bad = await connected(proxy)
  bad.sendPlain(Buffer.from('ffffff7f', 'hex'))
  await bad.closed
  assert.equal(proxy.ends(), ['client waiting not-mtproto'])
  await good.reqPq()
})

test('a client that takes no answers is closed at a bound, and holds up no other one', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using slow = await connected(proxy)
  await slow.reqPq()
  slow.stopReading()
  slow.wish(ops.stream, numbers(64 << 20, 0))
  await using other = await connected(proxy)
  for (let i = 0; i < 20; i++) {
    const sent = randomBytes(10_000)
    assert.ok((await other.echo(sent)).equals(sent))
  }
  await until(() => proxy.ends().length === 1, 'the slow client is closed')
  assert.equal(proxy.ends(), ['proxy relaying limit'])
  proxy.relay.pulse(performance.now() + 1_500)
  assert.equal(limitsOf(proxy), ['middle-proxy-queue'])
  await other.reqPq()
})

test('a slow client below the bound gets everything', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using slow = await connected(proxy)
  const download = slow.download(6 << 20)
  slow.stopReading()
  await using other = await connected(proxy)
  await other.download(1 << 20)
  slow.startReading()
  await download
})

test('clients of a middle proxy that goes are closed, and new ones go to another', async () => {
  await using one = await fakeMiddleProxy()
  await using other = await fakeMiddleProxy({ secret: one.secret })
  await using proxy = await start({ ...throughMiddle({ 2: [one, other] }), middleProxyFallback: 'refuse' })
  await using client = await connected(proxy)
  await client.reqPq()
  const used = one.accepted() === 1 ? one : other
  await used.goAway()
  await client.closed
  assert.equal(proxy.ends(), ['datacenter relaying reset'])
  await using next = await connected(proxy)
  await next.reqPq()
  assert.is(used === one ? other.accepted() : one.accepted(), 1)
  await used.comeBack()
})

test('a wrong checksum ends the connection', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using client = await connected(proxy)
  await client.reqPq()
  middle.manner.mood = 'corrupt'
  await client.echo(Buffer.from('x')).catch(() => {})
  await until(() => proxy.ends().length === 1, 'the client is closed')
  assert.equal(proxy.ends(), ['datacenter relaying reset'])
  assert.equal(failures(proxy), ['protocol'])
})

test('a middle proxy that answers no ping is given up after ten seconds of silence', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using client = await connected(proxy)
  await client.reqPq()
  const now = performance.now()
  proxy.relay.pulse(now + 6_000)
  await until(() => middle.pings() === 1, 'the ping arrives')
  middle.ping()
  await until(() => middle.pongs() === 1, 'its own ping is answered')
  middle.manner.mood = 'mute'
  proxy.relay.pulse(now + 13_000)
  await until(() => middle.pings() === 2, 'the next ping arrives')
  assert.equal(proxy.ends(), [])
  proxy.relay.pulse(now + 19_000)
  assert.equal(proxy.ends(), ['datacenter relaying timeout'])
})

test('Telegram closes one client, and the others stay', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using client = await connected(proxy)
  await client.reqPq()
  await using other = await connected(proxy)
  await other.reqPq()
  middle.clients()[0]!.close()
  await client.closed
  await until(() => proxy.ends().length === 1, 'the close is recorded')
  assert.equal(proxy.ends(), ['datacenter relaying done'])
  await other.reqPq()
})

for (const fallback of ['direct', 'refuse'] as const)
  test(`without a middle proxy, MIDDLE_PROXY_FALLBACK=${fallback} holds until one works again`, async () => {
    await using middle = await fakeMiddleProxy()
    await using datacenter = await fakeDatacenter()
    await middle.goAway()
    await using proxy = await start({
      ...throughMiddle({ 2: [middle] }),
      directory: new Map([[2, [addressOf('127.0.0.1', datacenter.port)]]]),
      middleProxyFallback: fallback,
    })
    for (let i = 0; i < 2; i++) {
      await using client = await connected(proxy)
      if (fallback === 'direct') await client.reqPq()
      else await client.closed
    }
    assert.equal(failures(proxy), ['refused'])
    if (fallback === 'refuse') assert.equal(proxy.ends(), Array(2).fill('datacenter dial refused'))
    else
      assert.equal(
        dialed(proxy).map(({ via, fallback }) => [via, fallback]),
        Array(2).fill([undefined, true]),
      )
    await middle.comeBack()
    proxy.relay.pulse(performance.now() + 6_000)
    await until(() => proxy.relay.middle!.size === 1, 'the middle proxy is reached in the background')
    await using client = await connected(proxy)
    await client.reqPq()
    assert.is(dialed(proxy).at(-1)!.via, 'middle-proxy')
  })

test('a client that ends after its request still gets the answer', async () => {
  await using middle = await fakeMiddleProxy()
  await using proxy = await start(throughMiddle({ 2: [middle] }))
  await using client = await connected(proxy, { holdOpen: true })
  await client.reqPq()
  const answered = client.echo(Buffer.from('last'))
  client.end()
  assert.equal(await answered, Buffer.from('last'))
  await client.closed
  await until(() => proxy.ends().length === 1, 'the close is recorded')
  assert.equal(proxy.ends(), ['client relaying done'])
  await until(() => middle.clients().length === 0, 'the middle proxy knows')
})

test.run()
