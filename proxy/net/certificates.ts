import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

const pem = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----.*?-----END \1?CERTIFICATE-----/gs

/** node:tls ignores certificates that it cannot read, and would then trust no broker. */
const readable = (block: string): boolean => {
  try {
    return new X509Certificate(block).serialNumber !== ''
  } catch {
    return false
  }
}

/** The text of a file of certificates, which `setting` names. Throws when node:tls could not use all of them. */
export const certificates = (setting: string, file: string): string => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new Error(
      `${setting}: the file cannot be read (${why}): set it to the path of a certificate in PEM`,
    )
  }
  const blocks = text.match(pem) ?? []
  if (blocks.length > 0 && blocks.every(readable)) return text
  throw new Error(`${setting}: the file has no certificate in PEM, or a damaged one: export it again`)
}
