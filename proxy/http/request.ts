// https://www.rfc-editor.org/rfc/rfc9112

export type Request = {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Undefined in HTTP/1.0 only. */
  readonly host: string | undefined
  readonly gzip: boolean
  /** Whether the client may send another request on this connection. */
  readonly keepAlive: boolean
  /** Where its head ends. */
  readonly end: number
}

export type RequestReading = Request | 'more' | { readonly refused: 400 | 431 }

const malformed = { refused: 400 } as const
const longestHead = 8 * 1024
const requestLine = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.([01])$/
const field = /^([!#$%&'*+.^_`|~\w-]+):([\t\x20-\x7e\x80-\xff]*)$/
const gzipWanted = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i

/** Name in lower case → its values, in order; null when a line is malformed. */
const fieldsOf = (lines: readonly string[]): Map<string, string[]> | null => {
  const fields = new Map<string, string[]>()
  for (const line of lines) {
    const [, name, value = ''] = field.exec(line) ?? []
    if (name === undefined) return null
    const values = fields.get(name.toLowerCase()) ?? []
    values.push(value.trim())
    fields.set(name.toLowerCase(), values)
  }
  return fields
}

/** Reads the head of a request. Bytes that cannot become one are refused before the head is complete. */
export const readRequest = (bytes: Buffer): RequestReading => {
  const text = bytes.toString('latin1', 0, longestHead)
  const blank = text.indexOf('\r\n\r\n')
  if (blank < 0) {
    if (!/^[A-Z]/.test(text)) return malformed
    return bytes.length < longestHead ? 'more' : { refused: 431 }
  }
  const [first = '', ...lines] = text.slice(0, blank).split('\r\n')
  const [, method, target, minor] = requestLine.exec(first) ?? []
  const fields = fieldsOf(lines)
  if (method === undefined || target === undefined || fields === null) return malformed
  const hosts = fields.get('host') ?? []
  if (hosts.length > 1 || (minor === '1' && hosts.length === 0)) return malformed
  // A body is never read, so nothing behind it can be.
  const hasBody = fields.has('transfer-encoding') || (fields.get('content-length') ?? ['0']).join() !== '0'
  const closes = fields.get('connection')?.some((value) => /\bclose\b/i.test(value)) ?? false
  return {
    method,
    path: target.split('?', 1)[0] ?? '',
    host: hosts[0],
    gzip: gzipWanted.test((fields.get('accept-encoding') ?? []).join()),
    keepAlive: minor === '1' && !closes && !hasBody,
    end: blank + 4,
  }
}
