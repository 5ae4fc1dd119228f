import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readRequest } from './request.ts'

const read = (text: string) => readRequest(Buffer.from(text, 'latin1'))

test('a request is read with what an answer needs', () => {
  const head =
    'GET /metrics?x=1 HTTP/1.1\r\nHost: proxy:9464 \r\naccept-encoding: br\r\nAccept-Encoding: gzip\r\n\r\n'
  assert.equal(read(`${head}GET`), {
    method: 'GET',
    path: '/metrics',
    host: 'proxy:9464',
    gzip: true,
    keepAlive: true,
    end: head.length,
  })
  const old = read('HEAD / HTTP/1.0\r\n\r\n')
  assert.ok(typeof old === 'object' && 'path' in old && old.host === undefined && !old.keepAlive)
})

test('a request with a body, or that asks to close, is the last of its connection', () => {
  for (const line of [
    'content-length: 1',
    'content-length: x',
    'transfer-encoding: chunked',
    'connection: x, Close',
  ]) {
    const request = read(`POST / HTTP/1.1\r\nhost: a\r\n${line}\r\n\r\n`)
    assert.ok(typeof request === 'object' && 'path' in request && !request.keepAlive, line)
  }
  const empty = read('GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n')
  assert.ok(typeof empty === 'object' && 'path' in empty && empty.keepAlive)
})

test('what is no request is refused, as early as it can be', () => {
  for (const text of [
    '\x16\x03\x01\x02',
    '\r\n',
    'get / HTTP/1.1\r\nhost: a\r\n\r\n',
    'GET / HTTP/2.0\r\nhost: a\r\n\r\n',
    'GET  / HTTP/1.1\r\nhost: a\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
    'GET / HTTP/1.1\r\nhost : a\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\0\r\n\r\n',
  ])
    assert.equal(read(text), { refused: 400 }, text)
  assert.equal(read(`GET / HTTP/1.1\r\nx: ${'y'.repeat(9_000)}`), { refused: 431 })
})

test('a request reads alike however it is split, and no bytes throw', () => {
  const head = 'GET /api/status HTTP/1.1\r\nhost: localhost\r\nx: y\r\n\r\n'
  const whole = read(head)
  for (let cut = 1; cut < head.length; cut++) assert.is(read(head.slice(0, cut)), 'more')
  const pieces = fc.array(fc.constantFrom('GET ', '/', ' HTTP/1.1', '\r\n', 'host: a', ':', '\t', '\0', 'é'))
  fc.assert(
    fc.property(pieces, fc.uint8Array({ maxLength: 200 }), (texts, bytes) => {
      assert.equal(read(head + texts.join('')), whole)
      read(texts.join(''))
      if (bytes.length > 0) readRequest(Buffer.from(bytes))
    }),
  )
})

test.run()
