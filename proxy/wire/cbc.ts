import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Cipher } from './cipher.ts'
import { checkedIfAsked, ffi, lastingPointer, pointer } from './native.ts'

/** One AES-256-CBC stream without padding, in place: (key: 32 bytes, iv: 16 bytes). Takes whole blocks of 16 bytes only. */
export type MakeBlockCipher = (direction: 'encrypt' | 'decrypt', key: Buffer, iv: Buffer) => Cipher

export const blockLength = 16

export const portableBlockCipher: MakeBlockCipher = (direction, key, iv) => {
  const make = direction === 'encrypt' ? createCipheriv : createDecipheriv
  const stream = make('aes-256-cbc', key, iv).setAutoPadding(false)
  return {
    apply: (bytes, start, end) => {
      if (end > start) bytes.set(stream.update(bytes.subarray(start, end)), start)
    },
    free: () => {},
  }
}

// Memory whose address OpenSSL gets: `cipher.ts` has the reasons.
const written = new Uint8Array(new ArrayBuffer(8))
const material = new Uint8Array(new ArrayBuffer(48))

const openLibrary = () => {
  const p = 'pointer'
  const { functions } = ffi!.dlopen(null, {
    EVP_CIPHER_CTX_new: { return: p, arguments: [] },
    EVP_CIPHER_CTX_free: { return: 'void', arguments: [p] },
    EVP_CIPHER_CTX_set_padding: { return: 'i32', arguments: [p, p] },
    EVP_CIPHER_fetch: { return: p, arguments: [p, p, p] },
    EVP_EncryptInit_ex: { return: 'i32', arguments: [p, p, p, p, p] },
    EVP_DecryptInit_ex: { return: 'i32', arguments: [p, p, p, p, p] },
    EVP_EncryptUpdate: { return: 'i32', arguments: [p, p, p, p, p] },
    EVP_DecryptUpdate: { return: 'i32', arguments: [p, p, p, p, p] },
  })
  const keys = (_: unknown, __: unknown, ___: unknown, key: unknown, iv: unknown) =>
    [
      [key, 32],
      [iv, 16],
    ] as const
  const blocks = (_: unknown, output: unknown, length: unknown, input: unknown, bytes: unknown) =>
    [
      [output, Number(bytes)],
      [length, 4],
      [input, Number(bytes)],
    ] as const
  return checkedIfAsked(functions, {
    EVP_CIPHER_fetch: (_, algorithm) => [[algorithm, name.length]],
    EVP_EncryptInit_ex: keys,
    EVP_DecryptInit_ex: keys,
    EVP_EncryptUpdate: blocks,
    EVP_DecryptUpdate: blocks,
  })
}

const name = Buffer.from(new TextEncoder().encode('AES-256-CBC\0').buffer)

/** OpenSSL in the running node binary: no allocation per call. */
const openNative = (): MakeBlockCipher | null => {
  if (ffi === null) return null
  try {
    const openssl = openLibrary()
    const algorithm = openssl.EVP_CIPHER_fetch(0n, pointer(name, 0), 0n)
    if (algorithm === 0n) return null
    const writtenAt = lastingPointer(written)
    const keyAt = lastingPointer(material)
    const make: MakeBlockCipher = (direction, key, iv) => {
      const encrypts = direction === 'encrypt'
      const context = openssl.EVP_CIPHER_CTX_new()
      material.set(key, 0)
      material.set(iv, 32)
      const init = encrypts ? openssl.EVP_EncryptInit_ex : openssl.EVP_DecryptInit_ex
      if (init(context, algorithm, 0n, keyAt, keyAt + 32n) !== 1) {
        throw new Error('OpenSSL refused an AES-256-CBC key')
      }
      // With padding, a decryption would hold the last block back.
      openssl.EVP_CIPHER_CTX_set_padding(context, 0n)
      const update = encrypts ? openssl.EVP_EncryptUpdate : openssl.EVP_DecryptUpdate
      let live = true
      return {
        apply: (bytes, start, end) => {
          if (end <= start || !live) return
          const at = pointer(bytes, start)
          update(context, at, writtenAt, at, BigInt(end - start))
        },
        free: () => {
          if (live) openssl.EVP_CIPHER_CTX_free(context)
          live = false
        },
      }
    }
    return agrees(make) ? make : null
  } catch {
    return null
  }
}

/** Compares the native path with the portable one before it is used in this runtime. */
const agrees = (make: MakeBlockCipher): boolean => {
  const key = Buffer.alloc(32, 7)
  const iv = Buffer.alloc(16, 9)
  const run = (from: MakeBlockCipher, direction: 'encrypt' | 'decrypt'): Buffer => {
    const bytes = Buffer.alloc(96, 1)
    const cipher = from(direction, key, iv)
    cipher.apply(bytes, 0, 32)
    cipher.apply(bytes, 32, 96)
    cipher.free()
    return bytes
  }
  return (['encrypt', 'decrypt'] as const).every((direction) =>
    run(make, direction).equals(run(portableBlockCipher, direction)),
  )
}

export const nativeBlockCipher: MakeBlockCipher | null = openNative()

export const makeBlockCipher: MakeBlockCipher = nativeBlockCipher ?? portableBlockCipher
