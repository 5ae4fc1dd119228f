import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { nameKey } from '../config/user-name.ts'
import type { ManagedUser } from './managed-user.ts'
import { readRecord, secretRecord } from './record.ts'

export const keySize = 32
const nonceSize = 12
const tagSize = 16
const cipher = 'aes-256-gcm'
const version = 1
/** Bytes of the id of a key in a record: enough to name the right key, and no help to find it. */
const idSize = 8

/** USERS_KEY with its id. */
export type SealingKey = { readonly bytes: Buffer; readonly id: string }

export const sealingKey = (bytes: Buffer): SealingKey => ({
  bytes,
  id: createHmac('sha256', bytes)
    .update('mtscope users')
    .digest('hex')
    .slice(0, 2 * idSize),
})

/**
 * A record as the topic has it: the whole user, sealed by AES-256-GCM with a nonce of its own. The name is authenticated, so
 * that the record of one user cannot take the place of another.
 */
export const seal = (user: ManagedUser, { bytes, id }: SealingKey): string => {
  const nonce = randomBytes(nonceSize)
  const sealing = createCipheriv(cipher, bytes, nonce).setAAD(Buffer.from(nameKey(user.name)))
  const content = Buffer.concat([sealing.update(JSON.stringify(secretRecord(user))), sealing.final()])
  const sealed = Buffer.concat([nonce, content, sealing.getAuthTag()]).toString('base64')
  return JSON.stringify({ v: version, key: id, sealed })
}

export type Unsealed =
  | { readonly ok: true; readonly user: ManagedUser }
  /** `key`: it was sealed with another USERS_KEY. */
  | { readonly ok: false; readonly reason: 'record' | 'key' }

const longest = 65_536
const damaged: Unsealed = { ok: false, reason: 'record' }

const envelopeOf = (text: string): { key: string; sealed: string } | null => {
  if (text.length > longest) return null
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json !== 'object' || json === null || !('v' in json) || json.v !== version) return null
    if (!('key' in json) || typeof json.key !== 'string') return null
    return 'sealed' in json && typeof json.sealed === 'string' ? { key: json.key, sealed: json.sealed } : null
  } catch {
    return null
  }
}

/** Opens a record that anyone may have written under a name key. Never throws. */
export const unseal = (name: string, text: string, { bytes, id }: SealingKey, now: number): Unsealed => {
  const envelope = envelopeOf(text)
  if (envelope === null) return damaged
  if (envelope.key !== id) return { ok: false, reason: 'key' }
  const whole = Buffer.from(envelope.sealed, 'base64')
  if (whole.length < nonceSize + tagSize) return damaged
  try {
    const opening = createDecipheriv(cipher, bytes, whole.subarray(0, nonceSize), { authTagLength: tagSize })
      .setAAD(Buffer.from(name))
      .setAuthTag(whole.subarray(-tagSize))
    const content = Buffer.concat([opening.update(whole.subarray(nonceSize, -tagSize)), opening.final()])
    const read = readRecord(JSON.parse(content.toString()), now)
    return read.ok && nameKey(read.user.name) === name ? read : damaged
  } catch {
    return damaged
  }
}
