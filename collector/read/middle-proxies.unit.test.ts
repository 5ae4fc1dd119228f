import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { foldRow } from '../fold/fold.ts'
import { createMemoryState } from '../fold/state.ts'
import { buildStatus } from './status-builder.ts'

const now = Date.UTC(2026, 5, 1)

const statusAfter = (...events: ProxyEvent[]) => {
  const state = createMemoryState(undefined, () => 0)
  foldRow(state, { node: 'n1', boot: 'b1', seq: 1, events })
  return buildStatus(state, { version: '1', alerts: [], lagMs: 0, now })
}

const probed = (
  address: string,
  outcome: { pingMs: number } | { error: 'timeout' },
  at = now - 1_000,
): ProxyEvent => ({
  v: 1,
  type: 'middle-proxy.probed',
  at,
  dc: 4,
  media: true,
  family: 'ipv6',
  address,
  ...outcome,
})

const dialed = (how: { via: 'middle-proxy' } | { fallback: true }): ProxyEvent => ({
  v: 1,
  type: 'datacenter.dialed',
  at: now - 1_000,
  connection: '1'.repeat(32),
  mode: 'tls',
  user: 'one',
  dc: 4,
  media: false,
  address: '192.0.2.9:8888',
  family: 'ipv4',
  pooled: false,
  elapsedMs: 3,
  ...how,
})

test('the status has the best middle proxy of each route, and the clients through and around them', () => {
  const { middleProxies, datacenters } = statusAfter(
    probed('[2001:db8::1]:8888', { pingMs: 30 }),
    probed('[2001:db8::2]:8888', { pingMs: 20 }),
    probed('[2001:db8::3]:8888', { error: 'timeout' }),
    probed('[2001:db8::4]:8888', { pingMs: 1 }, now - 3_600_000),
    dialed({ via: 'middle-proxy' }),
    dialed({ via: 'middle-proxy' }),
    dialed({ fallback: true }),
  )
  assert.equal(middleProxies, [
    {
      dc: 4,
      media: true,
      family: 'ipv6',
      address: '[2001:db8::2]:8888',
      state: 'up',
      pingMs: 20,
      error: null,
      probedAt: now - 1_000,
      through: 2,
      around: 1,
    },
  ])
  // Only the client that went around dialed the datacenter.
  assert.equal(
    datacenters.map(({ dc, family }) => `${dc} ${family}`),
    ['4 ipv4'],
  )
})

test('the status has the age of each document, and why the last download is not in use', () => {
  const read = (more: object): ProxyEvent => ({
    v: 1,
    type: 'middle-proxies.read',
    at: now,
    document: 'config',
    entries: 12,
    fetchedAt: now - 60_000,
    ...more,
  })
  const { middleProxyDocuments } = statusAfter(
    read({ at: now - 3_600_000 }),
    read({ error: 'implausible' }),
    read({ document: 'secret', entries: 0, fetchedAt: undefined, error: 'timeout' }),
  )
  assert.equal(middleProxyDocuments, [
    { node: 'n1', document: 'config', entries: 12, fetchedAt: now - 60_000, error: 'implausible' },
    { node: 'n1', document: 'secret', entries: 0, fetchedAt: null, error: 'timeout' },
  ])
})

test.run()
