import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { startFleet } from '../kit/processes/fleet.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { usersCommand } from '../kit/processes/users-command.ts'
import { until } from '../until.ts'

const token = 't'.repeat(40)

const caller = (url: string) => async (method: string, path: string, body?: unknown) => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  const answer = await fetch(`${url}/api/v1${path}`, init)
  const text = await answer.text()
  return { status: answer.status, text, json: text === '' ? null : JSON.parse(text) }
}

const pathsOf = async (url: string): Promise<string[]> => {
  const document = await (await fetch(`${url}/api/v1/openapi.json`)).json()
  return Object.keys(document.paths).map((path) => path.replace('/api/v1', ''))
}

const connects = async (port: number, secret: string): Promise<boolean> => {
  try {
    await using client = await connectClient({ port, secret, mode: 'secure', dc: 2 })
    await client.reqPq()
    return true
  } catch {
    return false
  }
}

test('users that a collector adds, rotates and removes connect at the proxies of the fleet, or no more', async () => {
  const env = {
    API_TOKEN: `panel:${token}`,
    USERS_KEY: randomBytes(32).toString('hex'),
    PUBLIC_HOST: 'proxy.example',
    PUBLIC_PORT: '443',
    MODES: 'secure',
  }
  await using fleet = await startFleet({ proxies: 2, collectors: 1, env })
  const [collector] = fleet.collectors
  const call = caller(collector!.metricsUrl)
  const secretOf = async (): Promise<string> =>
    (await call('GET', '/users/ann/links')).json.links[0].hex.slice(2)
  const works = (secret: string, proxy = fleet.proxies[0]!): Promise<boolean> => connects(proxy.port, secret)
  const added = await call('POST', '/users', { name: 'ann', limits: { quotaDay: '1G' } })
  assert.equal([added.status, added.json.by], [201, 'panel'])
  const first = await secretOf()
  for (const proxy of fleet.proxies) await until(() => works(first, proxy), 'the user connects at each proxy')
  const { json: links } = await call('GET', '/users/ann/links')
  assert.match(links.links[0].tg, 'tg://proxy?server=proxy.example&port=443&')
  await call('POST', '/users/ann/rotate')
  const second = await secretOf()
  assert.is.not(second, first)
  await until(() => works(second), 'the new secret connects')
  await until(async () => !(await works(first)), 'the old one connects no more')
  const proxy = caller(fleet.proxies[1]!.metricsUrl)
  assert.is((await proxy('GET', '/users/ann')).json.by, 'panel')
  assert.is((await call('DELETE', '/users/ann')).status, 204)
  await until(async () => !(await works(second)), 'a removed user connects no more')
  assert.ok(collector!.lines.some((line) => /api-changed action=user.rotate target=ann by=panel/.test(line)))
  assert.not.ok((await pathsOf(collector!.metricsUrl)).includes('/node/drain'))
  assert.not.ok((await pathsOf(fleet.proxies[0]!.metricsUrl)).includes('/status'))
  assert.is((await call('POST', '/node/drain')).status, 404)
})

test('a collector without USERS_KEY answers status and alerts, names the remedy, and changes no user', async () => {
  const env = { KAFKA_BROKERS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1', API_TOKEN: `panel:${token}` }
  await using collector = await startAppliance({ program: 'collector/main.ts', env })
  assert.equal((await pathsOf(collector.metricsUrl)).sort(), ['/alerts', '/openapi.json', '/status'])
  assert.is((await caller(collector.metricsUrl)('GET', '/users')).status, 404)
  assert.ok(collector.lines.some((line) => line.includes('users-unread') && line.includes('set USERS_KEY')))
})

test('mtscope users changes the users of a fleet, and refuses another USERS_KEY', async () => {
  const env = { USERS_KEY: randomBytes(32).toString('hex'), MODES: 'secure', PUBLIC_PORT: '443' }
  await using fleet = await startFleet({ proxies: 2, collectors: 0, env })
  const brokers = { ...env, KAFKA_BROKERS: fleet.kafka.brokers.join(',') }
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
  const run = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await usersCommand(folder, words, { env: brokers })
    assert.is(code, 0, err)
    return out
  }
  const { links } = JSON.parse(await run('add', 'ann', '--json'))
  const secret = links[0].hex.slice(2)
  for (const { port } of fleet.proxies)
    await until(() => connects(port, secret), 'the user connects at each proxy')
  await run('disable', 'ann')
  assert.match(await run('list'), /^ann +disabled +store/m)
  await run('remove', 'ann')
  for (const { port } of fleet.proxies)
    await until(async () => !(await connects(port, secret)), 'a removed user connects no more')
  assert.not.match(await run('list'), /ann/)
  const wrong = { ...brokers, USERS_KEY: randomBytes(32).toString('hex') }
  await run('add', 'bob')
  const refused = await usersCommand(folder, ['add', 'eve'], { env: wrong })
  assert.is(refused.code, 1)
  assert.match(refused.err, /^users: USERS_KEY does not fit the users: \d of its records/m)
})

test.run()
