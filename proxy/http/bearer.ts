import { createHash, timingSafeEqual } from 'node:crypto'

/** A token that clients of the API send, by the name that events have for it. Only its SHA-256 is kept. */
export type NamedToken = { readonly name: string; readonly digest: Buffer }

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

export const namedToken = (name: string, token: string): NamedToken => ({ name, digest: digestOf(token) })

/** The name of the token in an `Authorization` header; null for none and a wrong one. All tokens are compared in constant time. */
export const bearerOf = (tokens: readonly NamedToken[], header: string | undefined): string | null => {
  const [, given] = /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '') ?? []
  if (given === undefined) return null
  const digest = digestOf(given)
  return tokens.reduce<string | null>(
    (found, token) => (timingSafeEqual(token.digest, digest) ? token.name : found),
    null,
  )
}
