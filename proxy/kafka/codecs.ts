import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'
import { Damaged, TooMuch } from './damage.ts'
import { decodeLz4 } from './lz4.ts'
import { decodeSnappy } from './snappy.ts'

/** Kafka's compression types; the index is their number. https://kafka.apache.org/documentation/#recordbatch */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

const [ungzip, unzstd] = [promisify(gunzip), promisify(zstdDecompress)]
/** log2 of the largest window, 16 MiB. A frame may ask for 128 MiB; those of mtscope need 2. */
const windowLog = { [constants.ZSTD_d_windowLogMax]: 24 }

/** Decompresses to at most `most` bytes. Throws Damaged or TooMuch. */
export const decompress = async (codec: Codec, bytes: Buffer, most: number): Promise<Buffer> => {
  try {
    switch (codec) {
      case 'none':
        return bytes
      case 'gzip':
        return await ungzip(bytes, { maxOutputLength: most })
      case 'zstd':
        return await unzstd(bytes, { maxOutputLength: most, params: windowLog })
      case 'snappy':
        return decodeSnappy(bytes, most)
      case 'lz4':
        return decodeLz4(bytes, most)
    }
  } catch (error) {
    if (error instanceof TooMuch || error instanceof Damaged) throw error
    const { code } = error as { code?: unknown }
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new TooMuch(`${codec}: over ${most} bytes`)
    throw new Damaged(`${codec}: ${String(code ?? error)}`)
  }
}
