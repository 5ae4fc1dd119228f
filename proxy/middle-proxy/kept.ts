import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeKept } from '../users/secret-store.ts'

/** What Telegram publishes: middle proxies with IPv4 and with IPv6 addresses, and their secret. */
export const documents = ['config', 'config-v6', 'secret'] as const
export type DocumentName = (typeof documents)[number]

/** A document as it was downloaded, and when: epoch, ms. */
export type Kept = { readonly at: number; readonly bytes: Uint8Array }
export type KeptDocuments = ReadonlyMap<DocumentName, Kept>

/** In DATA_DIR, with mode 0600: it holds the secret. */
export const keptFile = 'middle-proxies.json'

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined

/** The documents of an earlier run. `damaged`: there is a file, and it cannot be read; the next download replaces it. */
export const readKeptDocuments = (dataDir: string): { kept: KeptDocuments; damaged: boolean } => {
  const kept = new Map<DocumentName, Kept>()
  try {
    const file: unknown = JSON.parse(readFileSync(join(dataDir, keptFile), 'utf8'))
    for (const name of documents) {
      const document = fieldOf(file, name)
      const [at, base64] = [fieldOf(document, 'at'), fieldOf(document, 'base64')]
      if (typeof at === 'number' && Number.isFinite(at) && typeof base64 === 'string')
        kept.set(name, { at, bytes: Buffer.from(base64, 'base64') })
    }
    return { kept, damaged: kept.size === 0 }
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return { kept, damaged: !missing }
  }
}

/** Throws a SecretsError where DATA_DIR is not writable. */
export const keepDocuments = (dataDir: string, kept: KeptDocuments): void =>
  writeKept(
    dataDir,
    keptFile,
    Object.fromEntries(
      [...kept].map(([name, { at, bytes }]) => [name, { at, base64: Buffer.from(bytes).toString('base64') }]),
    ),
  )
