import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, serving } from '../../compose/test/kit/http/serving.ts'
import { namedToken } from '../http/bearer.ts'
import type { NodePort } from './node.ts'
import { type Change, createApi } from './router.ts'

const token = 'a'.repeat(32)
const spare = 'b'.repeat(32)
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
const json = { 'content-type': 'application/json' }

const world = async (more: Partial<NodePort> = {}, tokens = [token, spare]) => {
  const changes: Change[] = []
  const drained: (number | null)[] = []
  const clock = { ms: 0 }
  const node: NodePort = {
    name: 'here',
    connectionsOf: (user) => (user === 'алиса' ? { open: 0, connections: [] } : null),
    reload: () => ({ ok: true, users: 1, added: [], removed: ['old'], needRestart: [] }),
    drain: (ms) => {
      drained.push(ms)
      return ms ?? 30_000
    },
    ...more,
  }
  const api = createApi({
    ports: { node, reading: { status: () => ({ at: 1 }), alerts: () => [] } },
    tokens: tokens.map((text, at) => namedToken(`token-${at}`, text)),
    version: '1',
    logger: () => {},
    changed: (change) => changes.push(change),
    steady: () => clock.ms,
  })
  const server = await serving({ api })
  const call = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const answer = await ask(server.port, `/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })
    const text = answer.body.toString()
    return { ...answer, text, json: text === '' ? null : JSON.parse(text) }
  }
  return { ...server, call, changes, drained, clock, [Symbol.asyncDispose]: server.close }
}

test('without a valid token nothing changes, and the answer names the remedy', async () => {
  await using at = await world()
  for (const headers of [
    {},
    bearer('c'.repeat(32)),
    bearer(token.slice(1)),
    { authorization: `Basic ${token}` },
  ]) {
    const { status, headers: answered, json } = await at.call('POST', '/node/reload', headers)
    assert.equal([status, answered['content-type']], [401, 'application/problem+json'])
    assert.match(answered['www-authenticate'] ?? '', 'Bearer')
    assert.equal([json.type, json.status], ['urn:mtscope:problem:token-required', 401])
    assert.match(json.detail, 'api-token of DATA_DIR')
  }
  assert.equal([at.changes, at.refusals.token], [[], 4])
})

test('each change is recorded with the name of its token, a refused one is not', async () => {
  await using at = await world()
  assert.is((await at.call('POST', '/node/reload', bearer(token))).status, 200)
  const headers = { ...bearer(spare), ...json }
  assert.is((await at.call('POST', '/node/drain', headers, '{"seconds":2.5}')).status, 202)
  assert.is((await at.call('POST', '/node/drain', headers, '{"seconds":"2"}')).status, 400)
  assert.is((await at.call('POST', '/node/drain', bearer(spare))).status, 202)
  assert.equal(at.drained, [2_500, null])
  assert.equal(at.changes, [
    { action: 'node.reload', target: 'here', by: 'token-0' },
    { action: 'node.drain', target: 'here', by: 'token-1' },
    { action: 'node.drain', target: 'here', by: 'token-1' },
  ])
})

test('requests without a valid token are limited, and a valid one passes meanwhile', async () => {
  await using at = await world()
  const tries = async () => (await at.call('POST', '/node/reload', bearer('c'.repeat(32)))).status
  for (let i = 0; i < 10; i++) assert.is(await tries(), 401)
  assert.is(await tries(), 429)
  assert.is((await at.call('POST', '/node/reload', bearer(token))).status, 200)
  at.clock.ms += 6_001
  assert.is(await tries(), 401)
  assert.equal([at.refusals.token, at.refusals['token-limit']], [11, 1])
})

test('API_TOKEN=none answers open endpoints only', async () => {
  await using at = await world({}, [])
  assert.is((await at.call('GET', '/status')).status, 200)
  const { status, json } = await at.call('POST', '/node/reload', bearer(token))
  assert.is(status, 401)
  assert.match(json.detail, 'API_TOKEN=none')
})

test('a page of another site is refused before its token is looked at', async () => {
  await using at = await world()
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    const { status } = await at.call('POST', '/node/reload', { ...bearer(token), ...headers })
    assert.is(status, 403, JSON.stringify(headers))
  }
  const own = { origin: `http://127.0.0.1:${at.port}`, 'sec-fetch-site': 'same-origin' }
  assert.is((await at.call('POST', '/node/reload', { ...bearer(token), ...own })).status, 200)
  assert.is(at.refusals.origin, 4)
})

test('a body reports every mistake with field, value and remedy', async () => {
  await using at = await world()
  const { status, json: problem } = await at.call(
    'POST',
    '/node/drain',
    { ...bearer(token), ...json },
    '{"seconds":-1,"second":2}',
  )
  assert.is(status, 400)
  assert.equal(problem.errors, [
    {
      field: 'seconds',
      value: -1,
      mistake: 'must be seconds from 0 to 3600 (or as 500ms, 90s, 5m, 12h, 7d)',
    },
    { field: 'second', mistake: 'is not a field: did you mean seconds?' },
  ])
})

test('bodies that are too long, not JSON or without a length are refused', async () => {
  await using at = await world()
  const post = async (headers: Record<string, string>, body?: string) =>
    (await at.call('POST', '/node/drain', { ...bearer(token), ...headers }, body)).status
  assert.is(await post(json, `{"seconds":${' '.repeat(70_000)}1}`), 413)
  assert.is(await post(json, '{"seconds":'), 400)
  assert.is(await post(json, '[]'), 400)
  assert.is(await post({ 'content-type': 'text/plain' }, '{}'), 415)
  assert.is(await post({ ...json, 'transfer-encoding': 'chunked' }), 411)
  assert.is(await post(json, `{"seconds":${' '.repeat(65_000)}1}`), 202)
  assert.equal(at.drained, [1_000])
})

test('names in paths are decoded; unknown addresses and methods are problems', async () => {
  await using at = await world()
  const get = async (path: string) => (await at.call('GET', path, bearer(token))).status
  assert.is(await get(`/users/${encodeURIComponent('алиса')}/connections`), 200)
  assert.is(await get('/users/bob/connections'), 404)
  assert.is(await get('/users/%ff/connections'), 404)
  assert.is(await get('/nowhere'), 404)
  const { status, headers } = await at.call('DELETE', '/node/drain', bearer(token))
  assert.equal([status, headers.allow], [405, 'POST'])
})

test('a fault of an endpoint is a problem without its message', async () => {
  await using at = await world({
    reload: () => {
      throw new Error('secret detail')
    },
  })
  const { status, text } = await at.call('POST', '/node/reload', bearer(token))
  assert.is(status, 500)
  assert.not.match(text, 'secret detail')
  assert.equal(at.changes, [])
})

test('a kept connection takes further requests after a body', async () => {
  await using at = await world()
  const post = (body: string) =>
    fetch(`${at.url}/api/v1/node/drain`, { method: 'POST', headers: { ...bearer(token), ...json }, body })
  for (const seconds of [1, 2, 3]) assert.is((await post(JSON.stringify({ seconds }))).status, 202)
  assert.equal(at.drained, [1_000, 2_000, 3_000])
})

test.run()
