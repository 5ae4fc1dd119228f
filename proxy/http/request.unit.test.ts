import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { serving } from '../../compose/test/kit/http/serving.ts'

const open = async () => {
  const server = await serving({ json: { '/api/status': () => 'x'.repeat(5_000) } })
  /** All that the server answers to `pieces`, each sent by itself, until it closes the connection. */
  const answerTo = async (pieces: readonly string[], { half = false } = {}): Promise<string> => {
    const socket = connect(server.port, '127.0.0.1').setNoDelay()
    socket.on('error', () => {})
    await once(socket, 'connect')
    const answers: Buffer[] = []
    socket.on('data', (bytes: Buffer) => answers.push(bytes))
    const closed = once(socket, 'close')
    for (const piece of pieces) {
      socket.write(piece, 'latin1')
      await new Promise(setImmediate)
    }
    if (half) socket.end()
    await closed
    return Buffer.concat(answers).toString('latin1')
  }
  return { answerTo, [Symbol.asyncDispose]: server.close }
}

const statuses = (answers: string): string[] => answers.match(/(?<=^HTTP\/1\.1 )\d+/gm) ?? []

test('bytes that are not an HTTP/1 request get a 400 or a 431, and the connection closes', async () => {
  await using server = await open()
  for (const [text, status] of [
    ['\x16\x03\x01\x02', '400'],
    ['get / HTTP/1.1\r\nhost: a\r\n\r\n', '400'],
    ['GET / HTTP/2.0\r\nhost: localhost\r\nconnection: close\r\n\r\n', '400'],
    ['GET / HTTP/1.1\r\n\r\n', '400'],
    ['GET / HTTP/1.1\r\nhost: localhost\r\nhost: b\r\nconnection: close\r\n\r\n', '400'],
    ['GET / HTTP/1.1\r\nhost : a\r\n\r\n', '400'],
    ['GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n', '400'],
    ['GET / HTTP/1.1\r\nhost: a\0\r\n\r\n', '400'],
    [`GET / HTTP/1.1\r\nx: ${'y'.repeat(9_000)}`, '431'],
  ] as const)
    assert.equal(statuses(await server.answerTo([text])), [status], text)
})

test('a request is read the same however it is split', async () => {
  await using server = await open()
  const head = 'GET /healthz?x=1 HTTP/1.1\r\nhost: localhost\r\n\r\n'
  const last = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nConnection: Close\r\n\r\n'
  for (let cut = 1; cut < last.length; cut++)
    assert.equal(statuses(await server.answerTo([last.slice(0, cut), last.slice(cut)])), ['200'], `${cut}`)
  assert.equal(statuses(await server.answerTo([...last])), ['200'])
  const both = await server.answerTo([head, 'GET /healthz HTTP/1.0\r\n\r\n'])
  assert.ok(statuses(both).length >= 1)
})

test('one connection answers one request after the other', async () => {
  await using server = await serving()
  const socket = connect(server.port, '127.0.0.1')
  for (let i = 0; i < 20; i++) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    assert.match(bytes.toString('latin1'), /^HTTP\/1.1 200 OK[\s\S]*keep-alive: timeout=5/i)
  }
  socket.destroy()
})

test('a client that sends its end after the request gets its answer', async () => {
  await using server = await open()
  const get = 'GET /api/status HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n'
  assert.equal(statuses(await server.answerTo([get], { half: true })), ['200'])
})

test.run()
