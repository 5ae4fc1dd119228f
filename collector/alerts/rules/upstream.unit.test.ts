import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'
import type { ProxyEvent, UpstreamError } from '../../../proxy/events/contract.ts'

const through =
  (upstream: string) =>
  (at: number): ProxyEvent =>
    Object.assign(probe(at, 40), { upstream })
const fails =
  (upstream: string, error: UpstreamError) =>
  (at: number): ProxyEvent => ({ v: 1, type: 'upstream.failed', at, upstream, error, elapsedMs: 5 })
const unreached =
  (upstream: string) =>
  (at: number): ProxyEvent =>
    Object.assign(probe(at, 'timeout'), { upstream })

/** Every half a minute. */
const often =
  (...make: ((at: number) => ProxyEvent)[]) =>
  (at: number) =>
    at % 30_000 === 0 ? make.map((one) => one(at)) : []

const [paris, direct] = [through('paris'), through('direct')]

test('an upstream that fails three times is down since it last worked, and back with its first success', () => {
  const host = watched()
  host.pass(5, often(paris, direct))
  const worked = host.now
  host.pass(1, often(fails('paris', 'login'), direct))
  assert.equal(host.reported('upstream-down'), [])
  host.pass(1, often(fails('paris', 'login'), direct))
  const [raised, ...more] = host.reported('upstream-down')
  assert.equal([raised?.endsWith(' paris'), more], [true, []])
  const { since, summary } = host.last('upstream-down')!
  assert.is(since, worked)
  assert.match(summary, /since 12:05 UTC .*login.* clients take the other upstreams\. It refuses the login/)
  assert.equal(host.reported('datacenter-down'), [])
  host.pass(2, often(paris, direct))
  assert.is(host.reported('upstream-down').length, 2)
})

test('an upstream through which no datacenter answers is down, and datacenters that answer through another one are not', () => {
  const host = watched()
  host.pass(5, often(paris, direct))
  host.pass(3, often(unreached('paris'), direct))
  assert.is(host.reported('upstream-down').length, 1)
  assert.equal(host.reported('datacenter-down'), [])
})

test('when the only upstream is down, the alert states that no client can connect', () => {
  const host = watched()
  host.pass(5, often(paris))
  host.pass(3, often(fails('paris', 'refused')))
  assert.match(host.last('upstream-down')!.summary, /no client can connect/)
})

test('one failure between successes raises nothing', () => {
  const host = watched()
  host.pass(30, (at) =>
    at % 30_000 === 0 ? [at % 90_000 === 0 ? fails('paris', 'timeout')(at) : paris(at)] : [],
  )
  assert.equal(host.reported('upstream-down'), [])
})

test.run()
