import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from '../../compose/test/kit/examples/example-events.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { fold } from '../fold/fold.ts'
import { createMemoryState } from '../fold/state.ts'
import { upstreamStatusOf } from './upstreams.ts'

const at = Date.UTC(2026, 0, 2, 12)
const statusAfter = (...events: ProxyEvent[]) => {
  const state = createMemoryState()
  fold(state, { node: 'n1', boot: 'b', seq: 1, events })
  return upstreamStatusOf(state)
}
const worked = (seconds: number, upstream?: string): ProxyEvent =>
  Object.assign(probe(at + seconds * 1000, 20), upstream === undefined ? {} : { upstream })
const failed = (seconds: number, upstream: string): ProxyEvent => ({
  v: 1,
  type: 'upstream.failed',
  at: at + seconds * 1000,
  upstream,
  error: 'login',
  elapsedMs: 2,
})
const taken = (upstream: string, pooled: boolean): ProxyEvent => ({
  v: 1,
  type: 'datacenter.dialed',
  at,
  connection: '0'.repeat(32),
  mode: 'tls',
  user: 'u',
  dc: 2,
  media: false,
  address: 'a:1',
  family: 'ipv4',
  pooled,
  elapsedMs: 1,
  upstream,
})

test('without upstreams there are no rows', () => {
  assert.equal(statusAfter(worked(0)), [])
})

test('an upstream is down after failures for half a minute, and one that never worked after two', () => {
  assert.is(statusAfter(worked(0, 'socks5-1'))[0]?.state, 'up')
  assert.is(statusAfter(worked(0, 'socks5-1'), failed(5, 'socks5-1'))[0]?.state, 'up')
  assert.is(statusAfter(failed(5, 'socks5-1'))[0]?.state, 'unknown')
  assert.is(statusAfter(failed(5, 'socks5-1'), failed(6, 'socks5-1'))[0]?.state, 'down')
  const [down] = statusAfter(worked(0, 'socks5-1'), failed(5, 'socks5-1'), failed(31, 'socks5-1'))
  assert.equal(down, {
    node: 'n1',
    upstream: 'socks5-1',
    state: 'down',
    workedAt: at,
    error: 'login',
    connections: 0,
    failures: 2,
  })
  assert.is(statusAfter(failed(5, 'socks5-1'), worked(6, 'socks5-1'))[0]?.state, 'up')
})

test('names with a slash keep it, and pooled connections count as taken', () => {
  const name = 'bind-192.0.2.0/24'
  const rows = statusAfter(taken(name, false), taken(name, true), failed(0, 'direct'))
  assert.equal(
    rows.map(({ upstream, connections }) => [upstream, connections]),
    [
      [name, 2],
      ['direct', 0],
    ],
  )
})

test.run()
