/** A secret as a link or the configuration of another proxy has it. */
export type ReadSecret = {
  /** 32 hex digits. */
  readonly hex: string
  /** The mode that the secret names; null: none. */
  readonly mode: 'secure' | 'tls' | null
  /** Of a `tls` secret. */
  readonly domain: string | null
}

const ofBytes = (bytes: Buffer): ReadSecret | null => {
  if (bytes.length === 16) return { hex: bytes.toString('hex'), mode: null, domain: null }
  const hex = bytes.subarray(1, 17).toString('hex')
  if (bytes.length === 17 && bytes[0] === 0xdd) return { hex, mode: 'secure', domain: null }
  const domain = bytes.subarray(17).toString('latin1')
  const named = bytes.length > 17 && bytes[0] === 0xee && /^[\w.-]+$/.test(domain)
  return named ? { hex, mode: 'tls', domain } : null
}

/** Reads 32 hex digits, `dd…` and `ee…` in hex, and the same bytes in base64 or base64url; null: none of them. */
export const readSecretText = (text: string): ReadSecret | null => {
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) return ofBytes(Buffer.from(text, 'hex'))
  return /^[\w+/-]{22,}={0,2}$/.test(text) ? ofBytes(Buffer.from(text, 'base64url')) : null
}
