import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, serving } from '../../compose/test/kit/http/serving.ts'
import { until } from '../../compose/test/until.ts'

test('a client that pipelines gets its first answer and a close, and no other request is answered', async () => {
  let rendered = 0
  const held = Promise.withResolvers<void>()
  const json = { '/api/status': () => held.promise.then(() => ++rendered) }
  await using server = await serving({ json })
  const read = async (requests: number): Promise<string> => {
    const socket = connect(server.port, '127.0.0.1')
    const pieces: Buffer[] = []
    socket.on('data', (bytes: Buffer) => pieces.push(bytes)).on('error', () => {})
    socket.write('GET /api/status HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(requests))
    await new Promise((resolve) => socket.on('close', resolve))
    return Buffer.concat(pieces).toString('latin1')
  }
  const few = read(3)
  const many = read(20_000)
  held.resolve()
  const answers = (await few).match(/HTTP\/1.1 200 OK|connection: close/gi)
  assert.equal(answers, ['HTTP/1.1 200 OK', 'connection: close'])
  assert.ok(((await many).match(/HTTP\/1.1/g) ?? []).length <= 1)
  assert.is(rendered, 1)
})

test('beyond its share of a second a request waits and gets 503 with Retry-After; health checks are answered', async () => {
  await using server = await serving({}, '127.0.0.1', { workMs: 1 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const asking = async (path: string) => {
    const [response] = (await once(
      request({ host: '127.0.0.1', port: server.port, path, agent }).end(),
      'response',
    )) as [IncomingMessage]
    await response.toArray()
    return response
  }
  const refused = await until(async () => {
    const response = await asking('/metrics')
    return response.statusCode === 503 ? response : null
  }, 'a refusal')
  assert.is(refused.headers['retry-after'], '1')
  assert.ok(server.refusals.busy > 0)
  for (let i = 0; i < 30; i++) assert.is((await asking('/healthz')).statusCode, 200)
  agent.destroy()
})

test('a rendering that takes long is shared for longer', async () => {
  const busy = () => {
    const until = performance.now() + 1_000
    while (performance.now() < until);
    return until
  }
  await using server = await serving({ json: { '/api/status': busy } })
  const first = Number((await ask(server.port, '/api/status')).body)
  await until(async () => Number((await ask(server.port, '/api/status')).body) !== first, 'another rendering')
  assert.ok(performance.now() - first >= 3_900)
})

test('a request whose client is gone is not rendered further', async () => {
  const held = Promise.withResolvers<string>()
  const asked = Promise.withResolvers<void>()
  const json = {
    '/api/status': () => {
      asked.resolve()
      return held.promise
    },
  }
  await using server = await serving({ json })
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /api/status HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n')
  await asked.promise
  socket.destroy()
  await once(socket, 'close')
  held.resolve('x'.repeat(10_000))
  assert.is((await ask(server.port, '/healthz')).status, 200)
})

test('a body is not read, and the connection closes after the answer', async () => {
  await using server = await serving()
  for (const head of ['content-length: 1000000000', 'transfer-encoding: chunked']) {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(`POST /healthz HTTP/1.1\r\nhost: localhost\r\n${head}\r\n\r\n`)
    const answer = Buffer.concat(await socket.toArray()).toString('latin1')
    assert.match(answer, /^HTTP\/1.1 405[\s\S]*connection: close/i)
  }
})

test('each refused request is counted by its reason, and an answered one is not', async () => {
  await using server = await serving()
  const statuses = [
    await ask(server.port, '/healthz'),
    await ask(server.port, '/nowhere'),
    await ask(server.port, '/', { headers: { host: 'evil.example' } }),
    await ask(server.port, '/', { method: 'DELETE' }),
    await ask(server.port, '/', { headers: { x: 'y'.repeat(9000) } }),
  ].map(({ status }) => status)
  assert.equal(statuses, [200, 404, 421, 405, 431])
  const { host, method, malformed, busy, timeout } = server.refusals
  assert.equal([host, method, malformed, busy, timeout], [1, 1, 1, 0, 0])
})

test('idle connections give their places to new ones', async () => {
  await using server = await serving()
  await using stack = new AsyncDisposableStack()
  const idle = Array.from({ length: 100 }, () => connect(server.port, '127.0.0.1').resume())
  for (const socket of idle) {
    socket.on('error', () => {})
    stack.defer(() => void socket.destroy())
  }
  const answered = () =>
    ask(server.port, '/healthz').then(
      ({ status }) => status === 200,
      () => false,
    )
  await until(answered, 'a place for one more')
  await until(answered, 'and for the next')
})

test.run()
