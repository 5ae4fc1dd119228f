import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, serving } from '../../compose/test/kit/http/serving.ts'
import { namedToken } from '../http/bearer.ts'
import { fileKeeper } from '../user-store/file.ts'
import { userStore } from '../user-store/store.ts'
import { noLimits } from '../users/limits.ts'
import { linksOf } from '../users/links.ts'
import { Secret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { type Change, createApi } from './router.ts'

const token = 'a'.repeat(32)
const known = 'c7a1e04d9b5f36288e13f7b06ad24c95'
const ofSettings: User = {
  name: 'fixed',
  secret: new Secret(Buffer.from('00112233445566778899aabbccddeeff', 'hex')),
  enabled: true,
  limits: { maxConnections: 5 },
}

/** The API on a real user store, with one user of the settings. */
const world = async (server: string | null = 'proxy.example') => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-'))
  const keeper = fileKeeper({ dataDir: path, logger: () => {}, first: () => [], follow: false })
  const store = userStore(keeper, () => [ofSettings])
  const changes: Change[] = []
  const modes = ['secure', 'tls'] as const
  const place = { listener: null, port: 443, modes, domains: ['a.example', 'b.example'] }
  const api = createApi({
    ports: {
      users: {
        all: () => [
          { ...ofSettings, source: 'setting' },
          ...store.list().map((user) => ({ ...user, source: 'store' }) as const),
        ],
        store,
        defaults: () => ({ ...noLimits, quotaDay: 1_000 }),
        linksOf: async (user) => (server === null ? null : linksOf([user], [{ server, ...place }])),
      },
    },
    tokens: [namedToken('panel', token)],
    version: '1',
    logger: () => {},
    changed: (change) => changes.push(change),
  })
  const http = await serving({ api })
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(http.port, `/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = answer.body.toString()
    const isJson = /json/.test(answer.headers['content-type'] ?? '')
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : null }
  }
  return {
    call,
    changes,
    store,
    [Symbol.asyncDispose]: async () => {
      await http.close()
      await store.close()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

test('a user is added, changed, rotated, disabled, enabled and removed; the store names the token', async () => {
  await using at = await world()
  const added = await at.call('POST', '/users', { name: 'Анна', limits: { quotaDay: '5G', modes: ['tls'] } })
  assert.is(added.status, 201)
  const path = String(added.headers.location).replace('/api/v1', '')
  assert.equal((await at.call('GET', path)).json, added.json)
  assert.equal([added.json.by, added.json.limits], ['panel', { quotaDay: 5 * 2 ** 30, modes: ['tls'] }])
  const before = at.store.get('анна')?.secret.hex()
  assert.is((await at.call('POST', `${path}/rotate`)).status, 200)
  assert.is.not(at.store.get('анна')?.secret.hex(), before)
  assert.is((await at.call('POST', `${path}/disable`)).json.enabled, false)
  assert.is((await at.call('POST', `${path}/enable`)).json.enabled, true)
  assert.is((await at.call('PATCH', path, { secret: known })).status, 200)
  assert.is(at.store.get('анна')?.secret.hex(), known)
  const removed = await at.call('DELETE', path)
  assert.equal([removed.status, removed.headers['content-length'], at.store.list()], [204, undefined, []])
  assert.equal(
    at.changes.map(({ action, target, by }) => `${action} ${target} ${by}`),
    ['add', 'rotate', 'disable', 'enable', 'change', 'remove'].map((what) => `user.${what} Анна panel`),
  )
})

test('limits are set, taken back to the default, and lifted', async () => {
  await using at = await world()
  await at.call('POST', '/users', { name: 'ann', limits: { quotaDay: 5, expiresAt: '2026-12-31' } })
  const patch = async (limits: unknown) => (await at.call('PATCH', '/users/ann', { limits })).json
  const lifted = await patch({ quotaDay: null })
  assert.equal(lifted.limits, { quotaDay: null, expiresAt: '2027-01-01T00:00:00Z' })
  assert.is(lifted.effective.quotaDay, null)
  const back = await patch({ quotaDay: 'default', expiresAt: lifted.limits.expiresAt })
  assert.equal(back.limits, { expiresAt: '2027-01-01T00:00:00Z' })
  assert.is(back.effective.quotaDay, 1_000)
  const networks = ['203.0.113.0/24', '2001:db8::/32']
  assert.equal((await patch({ networks })).limits.networks, networks)
})

test('every invalid field is named with its value and the remedy; a secret is not repeated', async () => {
  await using at = await world()
  const wrong = {
    name: 'x'.repeat(99),
    secret: 'my password',
    enabled: 1,
    limits: { quotaDay: '5X', rate: 1 },
  }
  const { status, json, text } = await at.call('POST', '/users', wrong)
  assert.is(status, 400)
  assert.equal(
    json.errors.map(({ field }: { field: string }) => field),
    ['secret', 'enabled', 'limits.quotaDay', 'limits.rate'],
  )
  assert.match(text, 'limits.quotaDay=5X must be bytes')
  assert.match(text, 'did you mean rateUp?')
  assert.not.match(text, 'password')
  const name = await at.call('POST', '/users', { name: '\u202eevil' })
  assert.equal([name.status, name.json.errors[0].field], [400, 'name'])
  assert.equal((await at.call('POST', '/users', {})).json.errors, [
    { field: 'name', mistake: 'is missing: send it' },
  ])
})

test('what contradicts the present users is a conflict', async () => {
  await using at = await world()
  await at.call('POST', '/users', { name: 'ann', secret: known })
  const status = async (method: string, path: string, body?: unknown) =>
    (await at.call(method, path, body)).status
  assert.is(await status('POST', '/users', { name: 'ANN' }), 409)
  assert.is(await status('POST', '/users', { name: 'bob', secret: known }), 409)
  assert.is(await status('DELETE', '/users/fixed'), 409)
  assert.is(await status('POST', '/users/unknown/rotate'), 404)
  assert.is(await status('GET', '/users/unknown'), 404)
})

test('long lists are read in parts, and names are found', async () => {
  await using at = await world()
  await at.store.put(
    Array.from({ length: 25 }, (_, n) => ({ name: `user${n}` })),
    'test',
  )
  const names = async (query: string) => {
    const { json } = await at.call('GET', `/users?${query}`)
    return [json.total, ...json.users.map(({ name }: { name: string }) => name)]
  }
  assert.equal(await names('most=2'), [26, 'fixed', 'user0'])
  assert.equal(await names('most=2&after=user0'), [26, 'user1', 'user2'])
  assert.equal(await names('find=R24'), [1, 'user24'])
  assert.is((await at.call('GET', '/users?most=0')).status, 400)
  assert.is((await at.call('GET', '/users?after=unknown')).status, 404)
})

test('links have every form, and a QR code is an image of one of them', async () => {
  await using at = await world()
  const { json } = await at.call('GET', '/users/fixed/links')
  assert.equal(
    json.links.map(({ mode, domain }: { mode: string; domain: string | null }) => [mode, domain]),
    [
      ['secure', null],
      ['tls', 'a.example'],
      ['tls', 'b.example'],
    ],
  )
  const image = await at.call('GET', '/users/fixed/qr?mode=tls&domain=b.example')
  assert.equal([image.status, image.headers['content-type']], [200, 'image/svg+xml'])
  assert.match(String(image.headers['content-security-policy']), "default-src 'none'")
  assert.match(image.text, /^<svg /)
  assert.is.not((await at.call('GET', '/users/fixed/qr?mode=secure')).text, image.text)
  assert.is((await at.call('GET', '/users/fixed/qr?mode=classic')).status, 404)
})

test('without an address there are no links', async () => {
  await using at = await world(null)
  const { status, json } = await at.call('GET', '/users/fixed/links')
  assert.is(status, 503)
  assert.match(json.detail, 'set PUBLIC_HOST')
})

test.run()
