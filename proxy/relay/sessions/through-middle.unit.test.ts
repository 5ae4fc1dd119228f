import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, connectClient } from '../../../compose/test/kit/client/client.ts'
import { loopbackRelay, secret, throughMiddle } from '../../../compose/test/kit/relay/middle-relay.ts'
import { fakeMiddleProxy } from '../../../compose/test/kit/servers/fake-middle-proxy.ts'
import { until } from '../../../compose/test/until.ts'
import { nativeEngine } from '../../net/epoll/engine.ts'
import { portableEngine } from '../../net/node-net/engine.ts'

const wishes: readonly Pick<ClientOptions, 'mode' | 'transport'>[] = [
  { mode: 'classic', transport: 'abridged' },
  { mode: 'classic', transport: 'intermediate' },
  { mode: 'secure', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'padded-intermediate' },
  { mode: 'tls', transport: 'intermediate' },
  { mode: 'tls', transport: 'abridged' },
]
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
}

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

test.run()
