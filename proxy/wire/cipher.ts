import { createCipheriv } from 'node:crypto'
import { checkedIfAsked, ffi, lastingPointer, pointer } from './native.ts'

/**
 * One AES-256-CTR key stream. Encrypts or decrypts `bytes[start, end)` in place: `cipher.update` allocates its output, and
 * the page faults of that cost more than AES does.
 */
export type Cipher = {
  apply(bytes: Buffer, start: number, end: number): void
  /** Releases the state. The cipher may not be used after it. */
  free(): void
}

/** For bytes that are not encrypted here. */
export const noCipher: Cipher = { apply: () => {}, free: () => {} }

/** Counter mode's key stream for (key: 32 bytes, iv: 16 bytes), from its first byte. */
export type MakeCipher = (key: Buffer, iv: Buffer) => Cipher

export const portableCipher: MakeCipher = (key, iv) => {
  const stream = createCipheriv('aes-256-ctr', key, iv)
  return {
    apply: (bytes, start, end) => {
      if (end > start) bytes.set(stream.update(bytes.subarray(start, end)), start)
    },
    free: () => {},
  }
}

// Memory whose address OpenSSL gets. Held here, because an address does not keep V8 from collecting its memory.
/** Where OpenSSL writes the length of its output. */
const written = new Uint8Array(new ArrayBuffer(8))
/** A key and its IV for OpenSSL. */
const material = new Uint8Array(new ArrayBuffer(48))

/** OpenSSL in the running node binary. Measured: 0.16 CPU s/GB against 0.42–0.54 of `cipher.update`. */
const openNativeCipher = (): MakeCipher | null => {
  if (ffi === null) return null
  try {
    const { functions } = ffi.dlopen(null, {
      EVP_CIPHER_CTX_new: { return: 'pointer', arguments: [] },
      EVP_CIPHER_CTX_free: { return: 'void', arguments: ['pointer'] },
      EVP_CIPHER_fetch: { return: 'pointer', arguments: ['pointer', 'pointer', 'pointer'] },
      EVP_EncryptInit_ex: {
        return: 'i32',
        arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'],
      },
      // The length as a pointer: `libc.ts` has the reason.
      EVP_EncryptUpdate: {
        return: 'i32',
        arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'],
      },
    })
    const openssl = checkedIfAsked(functions, {
      EVP_CIPHER_fetch: (_, algorithm) => [[algorithm, name.length]],
      EVP_EncryptInit_ex: (_, __, ___, key, iv) => [
        [key, 32],
        [iv, 16],
      ],
      EVP_EncryptUpdate: (_, output, length, input, bytes) => [
        [output, Number(bytes)],
        [length, 4],
        [input, Number(bytes)],
      ],
    })
    const name = Buffer.from(new TextEncoder().encode('AES-256-CTR\0').buffer)
    // Fetched once for the thread: a look-up for each key would take a lock.
    const algorithm = openssl.EVP_CIPHER_fetch(0n, pointer(name, 0), 0n)
    if (algorithm === 0n) return null
    const writtenAt = lastingPointer(written)
    const keyAt = lastingPointer(material)
    const ivAt = keyAt + 32n
    const idle: bigint[] = []
    const make: MakeCipher = (key, iv) => {
      const context = idle.pop() ?? openssl.EVP_CIPHER_CTX_new()
      material.set(key, 0)
      material.set(iv, 32)
      if (openssl.EVP_EncryptInit_ex(context, algorithm, 0n, keyAt, ivAt) !== 1) {
        throw new Error('OpenSSL refused an AES-256-CTR key')
      }
      let live = true
      return {
        apply: (bytes, start, end) => {
          if (end <= start || !live) return
          const at = pointer(bytes, start)
          openssl.EVP_EncryptUpdate(context, at, writtenAt, at, BigInt(end - start))
        },
        free: () => {
          if (!live) return
          live = false
          // Keeps a context for the next key, but not every context of a peak.
          if (idle.length < 256) idle.push(context)
          else openssl.EVP_CIPHER_CTX_free(context)
        },
      }
    }
    return agrees(make) ? make : null
  } catch {
    return null
  }
}

/** Compares the native path with the portable one before it is used in this runtime. */
const agrees = (make: MakeCipher): boolean => {
  const key = Buffer.alloc(32, 7)
  const iv = Buffer.alloc(16, 9)
  const run = (from: MakeCipher): Buffer => {
    const bytes = Buffer.alloc(100, 1)
    const cipher = from(key, iv)
    cipher.apply(bytes, 0, 33)
    cipher.apply(bytes, 33, 100)
    cipher.free()
    return bytes
  }
  return run(make).equals(run(portableCipher))
}

export const nativeCipher: MakeCipher | null = openNativeCipher()

export const makeCipher: MakeCipher = nativeCipher ?? portableCipher
