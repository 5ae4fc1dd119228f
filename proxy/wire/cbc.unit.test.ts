import { createCipheriv, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { blockLength, nativeBlockCipher, portableBlockCipher } from './cbc.ts'

const both = [portableBlockCipher, ...(nativeBlockCipher === null ? [] : [nativeBlockCipher])]

test('a vector of NIST SP 800-38A encrypts and decrypts', () => {
  const key = Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex')
  const iv = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
  const plain = Buffer.from('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51', 'hex')
  const sealed = Buffer.from('f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d', 'hex')
  for (const make of both) {
    const bytes = Buffer.from(plain)
    make('encrypt', key, iv).apply(bytes, 0, bytes.length)
    assert.equal(bytes, sealed)
    make('decrypt', key, iv).apply(bytes, 0, bytes.length)
    assert.equal(bytes, plain)
  }
})

test('blocks decrypt alike however calls split them, and bytes around them stay', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }), (blocks) => {
      const [key, iv] = [randomBytes(32), randomBytes(16)]
      const plain = randomBytes(blocks.reduce((sum, count) => sum + count * blockLength, 0))
      const sealed = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false).update(plain)
      for (const make of both) {
        const bytes = Buffer.concat([Buffer.alloc(3, 0xaa), sealed, Buffer.alloc(20, 0xbb)])
        const cipher = make('decrypt', key, iv)
        let at = 3
        for (const count of blocks) {
          cipher.apply(bytes, at, at + count * blockLength)
          at += count * blockLength
        }
        cipher.free()
        assert.equal(bytes, Buffer.concat([Buffer.alloc(3, 0xaa), plain, Buffer.alloc(20, 0xbb)]))
      }
    }),
    { numRuns: runs(100) },
  )
})

test('a native cipher that was freed changes nothing', () => {
  if (nativeBlockCipher === null) return
  const cipher = nativeBlockCipher('encrypt', randomBytes(32), randomBytes(16))
  cipher.free()
  cipher.free()
  const bytes = Buffer.alloc(16)
  cipher.apply(bytes, 0, 16)
  assert.equal(bytes, Buffer.alloc(16))
})

test.run()
