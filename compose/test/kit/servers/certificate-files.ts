import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisTls } from '../../services/redis.ts'
import { authority } from './certificate.ts'

/** Files with a certificate for 127.0.0.1 and its authority. */
export const certificateFiles = (): Disposable & { readonly tls: RedisTls } => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-tls-'))
  const ca = authority()
  const issued = ca.issue('127.0.0.1')
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return {
    tls: {
      key: file('key.pem', issued.key),
      cert: file('cert.pem', issued.cert),
      ca: file('ca.pem', ca.cert),
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
