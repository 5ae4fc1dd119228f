import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../../../compose/test/kit/client/client.ts'
import { loopbackRelay, secret, throughMiddle } from '../../../compose/test/kit/relay/middle-relay.ts'
import { fakeDatacenter } from '../../../compose/test/kit/servers/fake-datacenter.ts'
import { fakeMiddleProxy } from '../../../compose/test/kit/servers/fake-middle-proxy.ts'
import { until } from '../../../compose/test/until.ts'
import { addressOf } from '../../datacenter/directory.ts'
import { portableEngine } from '../../net/node-net/engine.ts'

test('a datacenter that the directory lacks is reached through the middle proxies that are published for it', async () => {
  await using middle = await fakeMiddleProxy()
  await using dc = await fakeDatacenter()
  const [host, port] = dc.address.split(':')
  const { middleProxies } = throughMiddle({ 2: [middle], 77: [middle] })
  await using proxy = await loopbackRelay(portableEngine(300_000)!, {
    useMiddleProxy: false,
    directory: new Map([[2, [addressOf(host!, Number(port))]]]),
    modes: ['secure'],
  })
  const refused = () =>
    proxy.events.filter((event) => event.type === 'handshake.rejected' && event.reason === 'unknown-dc')
      .length
  const to = (number: number, media = false) =>
    connectClient({ mode: 'secure', port: proxy.port, secret, dc: number, media })

  await using early = await to(77)
  early.reqPq().catch(() => {})
  await early.closed
  await until(() => refused() === 1, 'the client is refused')

  proxy.relay.change({ middleProxies })
  for (const media of [false, true]) {
    await using served = await to(77, media)
    await served.reqPq()
    const sent = Buffer.from('through')
    assert.equal(await served.echo(sent), sent)
  }
  assert.is(middle.accepted(), 1)

  // Of a known datacenter nothing changes, and a number without middle proxies of its own stays unknown.
  await using known = await to(2)
  await known.reqPq()
  assert.is(dc.served.at(-1)?.dc, 2)
  await using late = await to(78)
  late.reqPq().catch(() => {})
  await late.closed
  await until(() => refused() === 2, 'the client is refused')
})

test.run()
