import { host, mistaken, type Parse, parsed, whole } from './parse.ts'

const form =
  'must be redis://:password@host:6379, or rediss:// for TLS; of a cluster, several with commas between'
const encode =
  'has a character in its user name or password that must be encoded: write @ as %40, / as %2F, ? as %3F, # as %23, "," as %2C and % as %25'
const database = 'must end with its port or with the number of a database, as redis://redis:6379/0'

const decodes = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** One node, its host as punycode. A mistake repeats no part of the text: any part may be a password. */
const node: Parse<string> = (text) => {
  const [, scheme = '', authority = '', rest = ''] = /^(rediss?:\/\/)([^/?#]*)(.*)$/i.exec(text) ?? []
  if (scheme === '') return mistaken(form)
  // The password holds a character that ends the authority of a URL.
  if (rest.includes('@')) return mistaken(encode)
  const login = authority.slice(0, authority.lastIndexOf('@') + 1)
  if (!decodes(login)) return mistaken(encode)
  const [, name, port = ''] = /^(\[[^\]]*\]|[^:]*)((?::\d+)?)$/.exec(authority.slice(login.length)) ?? []
  const read = name === undefined || name === '' ? mistaken(form) : host(name)
  if (!read.ok || (port !== '' && !whole(1, 65_535)(port.slice(1)).ok)) return mistaken(form)
  if (!/^(?:\/\d*)?(?:\?[^#]*)?$/.test(rest)) return mistaken(database)
  return parsed(`${scheme}${login}${name?.startsWith('[') ? `[${read.value}]` : read.value}${port}${rest}`)
}

/** One address, or several nodes of a Redis Cluster. */
export const redisUrls: Parse<readonly string[]> = (text) => {
  const items = text.split(',').map((item) => item.trim())
  // A password holds a comma.
  if (items.some((item) => item.includes('@') && !item.includes('://'))) return mistaken(encode)
  const nodes = items.map(node)
  const wrong = nodes.find((read) => !read.ok)
  return wrong ?? parsed(nodes.flatMap((read) => (read.ok ? [read.value] : [])))
}
