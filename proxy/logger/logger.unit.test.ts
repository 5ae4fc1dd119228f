import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../users/secret.ts'
import { line, lineLogger } from './logger.ts'

const at = Date.parse('2026-11-23T09:15:19.123Z')

test('a line is time, level, message and fields', () => {
  assert.is(
    line(at, 'info', 'ready', {
      port: 8080,
      metrics: 'http://127.0.0.1:9464',
      fast: true,
      mask: null,
      none: undefined,
    }),
    '2026-11-23T09:15:19.123Z info ready port=8080 metrics=http://127.0.0.1:9464 fast=true mask=null',
  )
})

test('values with spaces, quotes or equals signs are quoted', () => {
  assert.is(
    line(at, 'warn', 'two words', { a: 'x y', b: 'a "hi"', c: 'a=b', d: '', e: 'über' }),
    '2026-11-23T09:15:19.123Z warn "two words" a="x y" b="a \\"hi\\"" c="a=b" d="" e=über',
  )
})

test('a secret is redacted, an error is its code and message', () => {
  const error = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  const secret = new Secret(Buffer.from('c0ffee17a2b94d5e8f6071930ab4d2e6', 'hex'))
  assert.is(
    line(at, 'error', 'failed', { error, secret }),
    '2026-11-23T09:15:19.123Z error failed error="ENOSPC: no space left" secret=[secret]',
  )
})

test('every call writes one line without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (message, value) => {
      assert.not.match(line(at, 'info', message, { value }), /[\p{Cc}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('a logger writes whole lines', () => {
  const written: string[] = []
  lineLogger({ write: (text: string) => written.push(text) }, () => at)('info', 'ready', { port: 1 })
  assert.equal(written, ['2026-11-23T09:15:19.123Z info ready port=1\n'])
})

test.run()
