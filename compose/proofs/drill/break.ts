import crypto from 'node:crypto'
import { existsSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

// Preloaded into a proxy: its relay threads throw in every handshake while the file in the query exists.

const file = new URL(import.meta.url).searchParams.get('while') ?? ''
const { hash } = crypto
const breaking = (...args: Parameters<typeof hash>): ReturnType<typeof hash> => {
  if (existsSync(file)) throw new Error('broken by the drill')
  return hash(...args)
}

if (!isMainThread) {
  Object.assign(crypto, { hash: breaking })
  syncBuiltinESMExports()
}
