import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Hello, helloLength, readClientHello, sealedHello } from './client-hello.ts'
import { classOf, renewedHello, templateOf } from './hello-class.ts'
import { isGrease, ja4 } from './ja4.ts'
import { randomPool } from './random.ts'

const recorded: { name: string; hex: string }[] = JSON.parse(
  readFileSync(new URL('fixtures/client-hellos.json', import.meta.url), 'utf8'),
)
const random = randomPool()
const read = (bytes: Buffer): Hello =>
  readClientHello(sealedHello(bytes, helloLength(bytes, bytes.length) as number)!)
const classIn = (hello: Hello): string => classOf(hello, ja4(hello))

test('a renewed hello of a real client is of its class, and has nothing that the client has signed', () => {
  for (const { name, hex } of recorded) {
    const bytes = Buffer.from(hex, 'hex')
    const hello = read(bytes)
    const template = templateOf(hello)
    assert.is(template.length, bytes.length, name)
    const renewed = read(renewedHello(template, random)!)
    assert.is(classIn(renewed), classIn(hello), name)
    assert.is(renewed.form, 'right', name)
    assert.not.ok(renewed.random.equals(hello.random) || renewed.random.equals(Buffer.alloc(32)), name)
    if (hello.sessionId.length > 0) assert.not.equal(renewed.sessionId, hello.sessionId, name)
    for (const [i, { group, key }] of renewed.keyShares.entries()) {
      const before = hello.keyShares[i]!
      assert.is(key.length, before.key.length)
      if (!isGrease(group)) assert.not.ok(key.equals(before.key), `${name} ${group}`)
    }
    assert.equal(renewed.extensions, hello.extensions, name)
  }
})

test('classes differ by the order of suites and by the groups of shares, and not by GREASE or the order of extensions', () => {
  const [chromium] = recorded.filter(({ name }) => name === 'chromium')
  const hello = read(Buffer.from(chromium!.hex, 'hex'))
  const other = (changed: Partial<Hello>): string => classIn({ ...hello, ...changed })
  assert.is(other({ extensions: hello.extensions.toReversed() }), classIn(hello))
  assert.is(
    other({ cipherSuites: hello.cipherSuites.map((suite) => (isGrease(suite) ? 0x1a1a : suite)) }),
    classIn(hello),
  )
  assert.is.not(other({ cipherSuites: hello.cipherSuites.toReversed() }), classIn(hello))
  assert.is.not(other({ keyShares: hello.keyShares.slice(0, 2) }), classIn(hello))
})

test('other bytes than a hello are not renewed', () => {
  for (const template of [Buffer.alloc(0), Buffer.from('1603010000', 'hex'), Buffer.from('GET / HTTP/1.1')])
    assert.is(renewedHello(template, random), null)
})

test.run()
