import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, nothing, serving } from '../../compose/test/kit/http/serving.ts'
import { until } from '../../compose/test/until.ts'
import { startHttp } from './server.ts'

const exposing = (body: string) => async () => ({ contentType: 'text/plain; version=0.0.4', body })

test('metrics of several sources are joined in order, without their end-of-file marks', async () => {
  await using server = await serving({ expositions: [exposing('a 1\n# EOF\n'), exposing('b 2\n')] })
  const { status, headers, body } = await ask(server.port, '/metrics')
  assert.is(status, 200)
  assert.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.is(body.toString(), 'a 1\nb 2\n')
})

test('a source of metrics that fails does not hide the others', async () => {
  const broken = async () => {
    throw new Error('secret detail')
  }
  await using server = await serving({ expositions: [broken, exposing('b 2\n')] })
  const body = (await ask(server.port, '/metrics')).body.toString()
  assert.match(body, /^# one source of metrics failed\nb 2\n$/)
})

test('large answers are compressed only for clients that accept it', async () => {
  const large = 'x 1\n'.repeat(5000)
  await using server = await serving({ expositions: [exposing(large)] })
  const gzipped = await ask(server.port, '/metrics', { headers: { 'accept-encoding': 'deflate, gzip' } })
  assert.is(gzipped.headers['content-encoding'], 'gzip')
  assert.is(gunzipSync(gzipped.body).toString(), large)
  for (const encoding of ['identity', 'gzip;q=0', 'gzip; q=0.0, br']) {
    const plain = await ask(server.port, '/metrics', { headers: { 'accept-encoding': encoding } })
    assert.is(plain.headers['content-encoding'], undefined, encoding)
    assert.is(plain.body.toString(), large)
  }
})

test('/readyz follows its source and gives the reason', async () => {
  let reason: string | null = 'starting'
  await using server = await serving({ unready: () => reason })
  const before = await ask(server.port, '/readyz')
  assert.equal([before.status, before.body.toString()], [503, 'starting\n'])
  reason = null
  assert.is((await ask(server.port, '/readyz')).status, 200)
  reason = 'draining'
  assert.is((await ask(server.port, '/readyz')).body.toString(), 'draining\n')
  assert.is((await ask(server.port, '/healthz')).status, 200)
})

test('JSON and metrics are rendered once a second for all requests, and not cached by clients', async () => {
  let count = 0
  const expositions = [async () => ({ contentType: '', body: `a ${++count}` })]
  const json = { '/api/status': () => ({ count: ++count }) }
  await using server = await serving({ json, expositions })
  for (const path of ['/api/status', '/metrics']) {
    const began = performance.now()
    const first = await ask(server.port, path)
    assert.is(first.headers['cache-control'], 'no-store')
    const rest = await Promise.all(Array.from({ length: 20 }, () => ask(server.port, `${path}?x=1`)))
    const renderings = new Set([first, ...rest].map(({ body }) => body.toString()))
    assert.ok(renderings.size <= 1 + (performance.now() - began) / 1_000, [...renderings].join())
    const before = first.body.toString()
    await until(
      async () => (await ask(server.port, path)).body.toString() !== before,
      `${path} rendered again`,
    )
  }
  assert.is((await ask(server.port, '/constructor')).status, 404)
})

test('a rendering that fails is not tried more than once a second', async () => {
  let count = 0
  const broken = () => {
    count++
    throw new Error('secret detail')
  }
  await using server = await serving({ json: { '/api/status': broken } })
  const began = performance.now()
  for (let i = 0; i < 10; i++) assert.is((await ask(server.port, '/api/status')).status, 500)
  assert.ok(count <= 1 + (performance.now() - began) / 1_000, `${count}`)
})

test('pages get the path without its query; an unknown path is a 404', async () => {
  const page = (path: string) =>
    path === '/' ? { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' } : null
  await using server = await serving({ page })
  assert.is((await ask(server.port, '/?a=b')).body.toString(), '<p>')
  assert.is((await ask(server.port, '/nowhere')).status, 404)
})

test('HEAD answers with the length and no body', async () => {
  await using server = await serving({ expositions: [exposing('a 1')] })
  const { status, headers, body } = await ask(server.port, '/metrics', { method: 'HEAD' })
  assert.equal([status, headers['content-length'], body.length], [200, '4', 0])
})

test('other methods are refused', async () => {
  await using server = await serving()
  const { status, headers } = await ask(server.port, '/metrics', { method: 'POST' })
  assert.equal([status, headers.allow], [405, 'GET, HEAD'])
})

test('a route that throws is a 500 without its message', async () => {
  const page = () => {
    throw new Error('secret detail')
  }
  await using server = await serving({ page })
  const { status, body } = await ask(server.port, '/')
  assert.equal([status, body.toString()], [500, 'internal error\n'])
})

test('a port or address that cannot be bound is reported by its setting', async () => {
  await using server = await serving()
  const refusal = (host: string, port: number, portName: 'METRICS_PORT' | 'COLLECTOR_PORT') =>
    startHttp({ host, port, portName, routes: nothing }).then(
      () => 'listens',
      (error: unknown) => String(error),
    )
  const { port } = server
  for (const name of ['METRICS_PORT', 'COLLECTOR_PORT'] as const)
    assert.match(
      await refusal('127.0.0.1', port, name),
      `${name}=${port} cannot be listened on (EADDRINUSE): stop the program`,
    )
  assert.match(await refusal('192.0.2.1', 0, 'METRICS_PORT'), 'METRICS_HOST=192.0.2.1 ')
})

test('headers beyond the limit get a 431, and garbage ends only its own connection', async () => {
  await using server = await serving()
  assert.is((await ask(server.port, '/', { headers: { x: 'y'.repeat(9000) } })).status, 431)
  const socket = connect(server.port, '127.0.0.1').resume()
  socket.write('\x16\x03\x01\x02\x00\x01garbage\r\n\r\n')
  await once(socket, 'close')
  assert.is((await ask(server.port, '/healthz')).status, 200)
})

test('closing does not wait for connections that stay open', async () => {
  const server = await serving()
  const socket = connect(server.port, '127.0.0.1').resume()
  socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(socket, 'data')
  await Promise.all([server.close(), once(socket, 'close')])
})

test('closing does not wait for a request that is never finished', async () => {
  const server = await serving()
  const socket = connect(server.port, '127.0.0.1').resume()
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write('GET /healthz HTTP/1.1\r\nhost: loc')
  // Answered after the half request was sent, so the server has read that, too.
  await ask(server.port, '/healthz')
  const began = performance.now()
  await Promise.all([server.close(), once(socket, 'close')])
  assert.ok(performance.now() - began < 3_000)
})

test.run()
