import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fakeMiddleProxy } from '../../compose/test/kit/servers/fake-middle-proxy.ts'
import { addressOf } from '../datacenter/directory.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { randomPool } from '../wire/random.ts'
import type { OurAddress } from './directory.ts'
import { probe } from './probe.ts'
import { probeMiddleProxies, targetsOf } from './prober.ts'

const unknown: OurAddress = { ipv4: null, ipv6: null }
const random = randomPool(1_024)
const ask = (host: string, port: number, secret: Uint8Array, ourAddress = unknown, timeoutMs = 60_000) =>
  probe({
    address: addressOf(host, port),
    secret,
    ourAddress,
    random,
    timeoutMs,
    signal: new AbortController().signal,
  })

for (const host of ['127.0.0.1', '::1'])
  for (const padsNonce of [false, true])
    test(`a middle proxy at ${host} answers handshake and ping, its nonce padded: ${padsNonce}`, async () => {
      await using middle = await fakeMiddleProxy({ host, padsNonce })
      const outcome = await ask(host, middle.port, middle.secret)
      assert.ok(outcome.ok)
      for (const ms of [outcome.tcpMs, outcome.handshakeMs, outcome.pingMs]) assert.ok(ms >= 0)
      assert.is(middle.pings(), 1)
    })

test('behind NAT the address that the middle proxy sees is in the keys', async () => {
  await using middle = await fakeMiddleProxy({ sees: '198.51.100.7' })
  const right = await ask(middle.host, middle.port, middle.secret, { ipv4: '198.51.100.7', ipv6: null })
  assert.ok(right.ok)
})

test('whatever does not speak the protocol differs from a middle proxy that is away', async () => {
  await using middle = await fakeMiddleProxy()
  const secret = randomBytes(128)
  middle.manner.mood = 'other-secret'
  assert.equal(await ask(middle.host, middle.port, middle.secret), { ok: false, error: 'protocol' })
  await middle.goAway()
  assert.equal(await ask(middle.host, middle.port, secret), { ok: false, error: 'refused' })
})

test('every middle proxy is probed, and an event names each datacenter that it serves', async () => {
  await using middle = await fakeMiddleProxy()
  const here = addressOf(middle.host, middle.port)
  const nowhere = addressOf('127.0.0.1', 1)
  const byDc = new Map([
    [2, [here]],
    [-2, [here]],
    [4, [nowhere]],
  ])
  assert.equal(
    targetsOf({ byDc }).map(({ serves }) => serves),
    [[2, -2], [4]],
  )
  const stopping = new AbortController()
  const alive = setInterval(() => {}, 1_000)
  const found = new Map<string, string>()
  await probeMiddleProxies({
    known: () => ({ middleProxies: { byDc, defaultDc: 2, secret: middle.secret }, ourAddress: unknown }),
    intervalMs: 2,
    emit: (event: ProxyEvent) => {
      if (event.type !== 'middle-proxy.probed') return
      found.set(`${event.dc} ${event.media}`, event.error ?? (event.pingMs === undefined ? '' : 'pong'))
      if (found.size === 3) stopping.abort()
    },
    now: () => 1,
    signal: stopping.signal,
  })
  clearInterval(alive)
  assert.equal(Object.fromEntries(found), { '2 false': 'pong', '2 true': 'pong', '4 false': 'refused' })
})

test.run()
