import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MiddleProxyDocument } from '../events/contract.ts'
import { writePrivate } from '../users/private-file.ts'

/** What Telegram publishes: middle proxies with IPv4 and with IPv6 addresses, and their secret. */
export const documents: readonly MiddleProxyDocument[] = ['config', 'config-v6', 'secret']

/** A document as it was downloaded, from where and when: epoch, ms. */
export type Kept = { readonly at: number; readonly url: string; readonly bytes: Uint8Array }
export type KeptDocuments = ReadonlyMap<MiddleProxyDocument, Kept>

/** In DATA_DIR, with mode 0600: it holds the secret. */
export const keptFile = 'middle-proxies.json'

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined

/** The documents of an earlier run. `damaged`: there is a file, and it cannot be read; the next download replaces it. */
export const readKeptDocuments = (dataDir: string): { kept: KeptDocuments; damaged: boolean } => {
  const kept = new Map<MiddleProxyDocument, Kept>()
  try {
    const file: unknown = JSON.parse(readFileSync(join(dataDir, keptFile), 'utf8'))
    for (const name of documents) {
      const document = fieldOf(file, name)
      const [at, url, base64] = ['at', 'url', 'base64'].map((field) => fieldOf(document, field))
      if (typeof at === 'number' && typeof url === 'string' && typeof base64 === 'string')
        kept.set(name, { at, url, bytes: Buffer.from(base64, 'base64') })
    }
    return { kept, damaged: kept.size === 0 }
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return { kept, damaged: !missing }
  }
}

/** Throws what the file system throws. */
export const keepDocuments = (dataDir: string, kept: KeptDocuments): void => {
  const file = [...kept].map(([name, { at, url, bytes }]) => [
    name,
    { at, url, base64: Buffer.from(bytes).toString('base64') },
  ])
  writePrivate(dataDir, keptFile, `${JSON.stringify(Object.fromEntries(file), null, 2)}\n`)
}
