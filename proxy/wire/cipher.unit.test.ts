import { createCipheriv, randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type MakeCipher, makeCipher, nativeCipher, portableCipher } from './cipher.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const cut = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 6 })

const agreesWithNode = (make: MakeCipher): void => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      cut,
      bytesOf(32),
      bytesOf(16),
      (sent, at, key, iv) => {
        const expected = createCipheriv('aes-256-ctr', key, iv).update(sent)
        const bytes = Buffer.concat([Buffer.alloc(5, 0xaa), sent, Buffer.alloc(5, 0xaa)])
        const edges = [0, ...at.filter((edge) => edge < sent.length).sort((a, b) => a - b), sent.length]
        const cipher = make(key, iv)
        for (let i = 1; i < edges.length; i++) cipher.apply(bytes, 5 + edges[i - 1]!, 5 + edges[i]!)
        cipher.free()
        assert.ok(bytes.subarray(5, 5 + sent.length).equals(expected))
        assert.ok(bytes.subarray(0, 5).equals(Buffer.alloc(5, 0xaa)), 'nothing before it is touched')
        assert.ok(
          bytes.subarray(5 + sent.length).equals(Buffer.alloc(5, 0xaa)),
          'nothing after it is touched',
        )
      },
    ),
  )
}

test('the portable cipher is AES-256-CTR however the stream is cut', () => agreesWithNode(portableCipher))

if (nativeCipher !== null) {
  const native = nativeCipher
  test('the native cipher is AES-256-CTR however the stream is cut', () => agreesWithNode(native))

  test('a freed context carries nothing into its next key', () => {
    for (let i = 0; i < 600; i++) {
      const cipher = native(randomBytes(32), randomBytes(16))
      cipher.apply(randomBytes(17), 0, 17)
      cipher.free()
    }
    agreesWithNode(native)
  })

  test('many streams at the same time keep apart', () => {
    const streams = Array.from({ length: 500 }, () => {
      const [key, iv] = [randomBytes(32), randomBytes(16)]
      return { ours: native(key, iv), theirs: createCipheriv('aes-256-ctr', key, iv) }
    })
    for (let round = 0; round < 3; round++) {
      for (const { ours, theirs } of streams) {
        const bytes = randomBytes(100 + round)
        const expected = theirs.update(bytes)
        ours.apply(bytes, 0, bytes.length)
        assert.ok(bytes.equals(expected))
      }
    }
    for (const { ours } of streams) ours.free()
  })

  test('it stays correct while V8 collects garbage', () => {
    // A pointer into collected memory once crashed the process: a stream across fresh and freed heap.
    for (let round = 0; round < 200; round++) {
      const [key, iv] = [randomBytes(32), randomBytes(16)]
      const cipher = native(key, iv)
      const theirs = createCipheriv('aes-256-ctr', key, iv)
      Array.from({ length: 50 }, () => new ArrayBuffer(8 + round))
      const bytes = randomBytes(4096)
      const expected = theirs.update(bytes)
      if (round % 20 === 0) collect()
      cipher.apply(bytes, 0, bytes.length)
      assert.ok(bytes.equals(expected))
      cipher.free()
    }
  })

  test('a freed cipher changes no byte', () => {
    const cipher = native(randomBytes(32), randomBytes(16))
    cipher.free()
    cipher.free()
    const bytes = Buffer.alloc(32, 1)
    cipher.apply(bytes, 0, 32)
    assert.ok(bytes.equals(Buffer.alloc(32, 1)))
  })
}

test('the runtime this project pins has the native cipher', () => {
  if (process.platform === 'linux') assert.is(makeCipher, nativeCipher)
})

test.run()
