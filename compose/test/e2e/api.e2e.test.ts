import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type Document, type OpenAPIClient, OpenAPIClientAxios } from 'openapi-client-axios'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

// biome-ignore lint/suspicious/noExplicitAny: only the document describes it, and each answer is checked against that
type Described = any
type Answer = { readonly status: number; readonly data: Described }
type Call = (parameters?: object | null, body?: unknown) => Promise<Answer>
type Operation = { readonly operationId: string; readonly responses: Record<string, Described> }

const tokenOf = async (appliance: Appliance): Promise<string> =>
  (await readFile(join(appliance.folder, 'data/api-token'), 'utf8')).trim()

const documentOf = async (appliance: Appliance): Promise<Described> =>
  (await fetch(`${appliance.metricsUrl}/api/v1/openapi.json`)).json()

/** A client that knows nothing but the document. Each answer is checked against the schema that the document has for it. */
const clientOf = async (appliance: Appliance, token: string) => {
  const document = await documentOf(appliance)
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(document, 'api')
  const definition = { ...document, servers: [{ url: appliance.metricsUrl }] } as Document
  const client: OpenAPIClient = await new OpenAPIClientAxios({
    definition,
    axiosConfigDefaults: { headers: { authorization: `Bearer ${token}` }, validateStatus: () => true },
  }).init()
  const called = new Set<string>()
  const call = (operation: string): Call => {
    const method = client[operation]
    if (method === undefined) throw new Error(`the document has no ${operation}`)
    return async (parameters = null, body) => {
      const { status, data, headers, config } = await method(parameters as never, body)
      called.add(operation)
      const found = Object.entries<Record<string, Operation>>(document.paths)
        .flatMap(([path, operations]) =>
          Object.entries(operations).map(([verb, one]) => ({ path, verb, one })),
        )
        .find(({ one }) => one.operationId === operation)!
      const described = found.one.responses[status]
      assert.ok(
        described,
        `${operation} answers ${status}, which the document has not: ${JSON.stringify(data)}`,
      )
      const type = String(headers['content-type'] ?? '').split(';')[0]!
      const content = described.content?.[type]
      assert.ok(status === 204 || content, `${operation} ${status} answers ${type} to ${config.url}`)
      if (content) {
        const parts = ['paths', found.path, found.verb, 'responses', status, 'content', type, 'schema']
        const pointer = parts.map((part) =>
          encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')),
        )
        const valid = ajv.validate({ $ref: `api#/${pointer.join('/')}` }, data)
        assert.ok(valid, `${operation} ${status}: ${ajv.errorsText()}`)
      }
      return { status, data }
    }
  }
  return { document, call, called }
}

test('the document is valid OpenAPI 3.1, the committed one is that of an appliance', async () => {
  await using appliance = await startAppliance()
  const document = await documentOf(appliance)
  const { valid, errors } = await new Validator().validate(document)
  assert.ok(valid, JSON.stringify(errors))
  assert.is(document.openapi, '3.1.0')
  const committed = await readFile(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8')
  assert.equal(document, JSON.parse(committed))
})

test('a client made from the document uses every operation, and each answer is as described', async () => {
  await using datacenter = await fakeDatacenter()
  await using appliance = await startAppliance({
    datacenters: { 2: datacenter },
    env: { USER1_SECRET: undefined },
  })
  const { document, call, called } = await clientOf(appliance, await tokenOf(appliance))
  const name = 'Олена К.'
  assert.equal((await call('getDocument')()).data, document)
  assert.is((await call('getStatus')()).data.nodes.length, 1)
  assert.equal((await call('listAlerts')()).data, [])
  const limits = { quotaDay: '1G', maxConnections: 4, expiresAt: '2036-12-31' }
  const added = await call('addUser')(null, { name, limits })
  assert.equal([added.status, added.data.by, added.data.limits.quotaDay], [201, 'operator', 2 ** 30])
  assert.is((await call('addUser')(null, { name })).status, 409)
  assert.is((await call('addUser')(null, { name: 'x', limits: { quotaDay: '1X' } })).status, 400)
  const user = { user: name }
  const { data: listed } = await call('listUsers')({ find: 'олена' })
  assert.equal([listed.total, listed.users[0].name], [1, name])
  assert.is((await call('getUser')({ user: 'no such user' })).status, 404)
  const changed = await call('changeUser')(user, { limits: { quotaDay: 'default', rateDown: '1M' } })
  assert.equal(changed.data.limits, {
    maxConnections: 4,
    rateDown: 2 ** 20,
    expiresAt: '2037-01-01T00:00:00Z',
  })
  assert.equal((await call('getUser')(user)).data, changed.data)
  assert.is((await call('disableUser')(user)).data.enabled, false)
  assert.is((await call('enableUser')(user)).data.enabled, true)
  const old = (await call('getLinks')(user)).data.links
  await call('rotateUser')(user)
  const { links } = (await call('getLinks')(user)).data
  assert.equal(
    links.map(({ mode }: { mode: string }) => mode),
    ['classic', 'secure', 'tls'],
  )
  assert.is.not(links[0].hex, old[0].hex)
  assert.match((await call('getQr')({ ...user, mode: 'tls' })).data, '<svg')
  assert.ok((await call('listLimits')()).data.limits.length > 5)
  const secret = links[0].hex
  await using client = await connectClient({ port: appliance.port, secret, mode: 'secure', dc: 2 })
  await client.reqPq()
  const open = await until(async () => {
    const { data } = await call('listConnections')(user)
    return data.open === 1 ? data : undefined
  }, 'the connection is listed')
  assert.equal([open.connections[0].mode, open.connections[0].dc], ['secure', 2])
  assert.is((await call('removeUser')(user)).status, 204)
  assert.is((await call('removeUser')(user)).status, 404)
  assert.is((await call('reloadNode')()).data.users, 1)
  assert.is((await call('drainNode')(null, { seconds: 0 })).data.seconds, 0)
  await until(async () => appliance.lines.some((line) => line.includes('stopped')), 'the end of the process')
  const all = Object.values<Record<string, Operation>>(document.paths).flatMap((path) => Object.values(path))
  assert.equal([...called].sort(), all.map(({ operationId }) => operationId).sort())
})

test('the examples of docs/api.md work as they are', async () => {
  await using appliance = await startAppliance({ env: { USER1_SECRET: undefined } })
  const text = await readFile(join(import.meta.dirname, '../../../docs/api.md'), 'utf8')
  const [, examples = ''] = /<!-- A test runs these lines. -->\n```sh\n([\s\S]+?)```/.exec(text) ?? []
  const lines = examples.replaceAll('\\\n', ' ').trim().split('\n')
  assert.ok(lines.length > 10)
  const here = lines.join('\n').replace('http://127.0.0.1:9464', appliance.metricsUrl)
  const checked = here.replaceAll('curl -s', 'curl -sS --fail-with-body')
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', checked], { cwd: appliance.folder })
  assert.match(stdout, '"quotaMonth":53687091200')
  assert.match(stdout, '"seconds":10}')
  assert.match(await readFile(join(appliance.folder, 'anna.svg'), 'utf8'), '<svg')
})

test('without the token nothing of a user is read or changed; failures and changes are counted and recorded', async () => {
  const named = { panel: 'p'.repeat(40), billing: 'b'.repeat(40) }
  const API_TOKEN = Object.entries(named)
    .map(([name, token]) => `${name}:${token}`)
    .join(',')
  await using appliance = await startAppliance({ env: { API_TOKEN } })
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${appliance.metricsUrl}/api/v1${path}`, { method, headers })
    return { status: answer.status, text: await answer.text() }
  }
  const document = await documentOf(appliance)
  const operations = Object.entries<Record<string, Operation & { security: unknown[] }>>(document.paths)
  let refused = 0
  for (const [path, verbs] of operations)
    for (const [verb, { security }] of Object.entries(verbs)) {
      if (security.length === 0) continue
      const at = path.replace('/api/v1', '').replace('{user}', 'user1')
      const { status, text } = await ask(verb.toUpperCase(), at)
      assert.ok(status === 401 || status === 429, `${verb} ${path} answers ${status}`)
      assert.not.match(text, appliance.secret)
      refused++
    }
  const authorization = `Bearer ${named.billing}`
  const foreign = { authorization, origin: 'https://evil.example' }
  assert.is((await ask('POST', '/node/reload', foreign)).status, 403)
  assert.is((await ask('GET', '/users/user1/links', { authorization })).status, 200)
  assert.is((await ask('POST', '/users/user1/rotate', { authorization })).status, 409)
  assert.is((await ask('POST', '/node/reload', { authorization })).status, 200)
  const metric = await until(async () => {
    const changes = await appliance.metric('mtscope_api_changes_total', { action: 'node.reload' })
    return changes === 1 ? changes : undefined
  }, 'the change is counted')
  assert.is(metric, 1)
  const reason = (name: string) => appliance.metric('mtscope_http_refusals_total', { reason: name })
  assert.is((await reason('token')) + (await reason('token-limit')), refused)
  assert.is(await reason('origin'), 1)
  await appliance.stop()
  const main = join(import.meta.dirname, '../../../collector/commands/events.ts')
  const found = await promisify(execFile)(process.execPath, [main, '--from', '1h', '--type', 'api.changed'], {
    cwd: appliance.folder,
    env: { PATH: process.env.PATH, DATA_DIR: join(appliance.folder, 'data') },
  })
  assert.match(found.stdout, 'billing')
  assert.match(found.stdout, 'node.reload')
  for (const token of Object.values(named)) assert.not.match(found.stdout + appliance.lines.join('\n'), token)
})

test.run()
