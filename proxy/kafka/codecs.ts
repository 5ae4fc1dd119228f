import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'
import { unlz4 } from './lz4.ts'
import { Damaged, TooMuch, unsnappy } from './snappy.ts'

/** Kafka's numbers of the ways to compress, by place. https://kafka.apache.org/documentation/#recordbatch */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

const [ungzip, unzstd] = [promisify(gunzip), promisify(zstdDecompress)]
/** A frame may ask for a window of 128 MiB to be kept: what a sender of ours makes takes 2. */
const windowLog = { [constants.ZSTD_d_windowLogMax]: 24 }

/**
 * Decompresses, and never holds more than `most` bytes of what comes out. Throws Damaged or TooMuch.
 */
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
        return unsnappy(bytes, most)
      case 'lz4':
        return unlz4(bytes, most)
    }
  } catch (error) {
    if (error instanceof TooMuch || error instanceof Damaged) throw error
    const { code } = error as { code?: unknown }
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new TooMuch(`${codec}: over ${most} bytes`)
    throw new Damaged(`${codec}: ${String(code ?? error)}`)
  }
}
