import { host, mistaken, type Parse, type Parsed, parsed, whole } from './parse.ts'

const form =
  'must be redis://:password@host:6379, or rediss:// for TLS; of a cluster, redis+cluster://host:6379,host:6379; with Sentinel, redis+sentinel://host:26379,host:26379/master-name'
const encode =
  'has a character in its user name or password that must be encoded: write @ as %40, / as %2F, ? as %3F, # as %23, "," as %2C and % as %25'
const database = 'must end with its port or with the number of a database, as redis://redis:6379/0'
const ofCluster =
  'must end with a port, as redis+cluster://host:6379,host:6379: a cluster has only database 0'
const ofSentinel =
  'must end with the name of the master, as redis+sentinel://host:26379,host:26379/master-name, or /master-name/0; behind it ?sentinelPassword=… for Sentinels with a password'

const decodes = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** What may follow the hosts, by the part of the scheme after `+`, and the mistake otherwise. */
const ends: Readonly<Record<string, readonly [RegExp, string]>> = {
  '': [/^(?:\/\d*)?(?:\?[^#]*)?$/, database],
  cluster: [/^\/?$/, ofCluster],
  sentinel: [
    /^\/[\w.-]+(?:\/\d*)?(?:\?sentinel(?:Username|Password)=[^&#]*(?:&sentinel(?:Username|Password)=[^&#]*)?)?$/,
    ofSentinel,
  ],
}

/** A host with or without a port; the host as punycode. */
const place: Parse<string> = (text) => {
  const [, name = '', port = ''] = /^(\[[^\]]*\]|[^:]*)((?::\d+)?)$/.exec(text) ?? []
  const read = name === '' ? mistaken(form) : host(name)
  if (!read.ok || (port !== '' && !whole(1, 65_535)(port.slice(1)).ok)) return mistaken(form)
  return parsed(`${name.startsWith('[') ? `[${read.value}]` : read.value}${port}`)
}

/** All values, or the first mistake. */
const all = <T>(read: readonly Parsed<T>[]): Parsed<readonly T[]> =>
  read.find((one) => !one.ok) ?? parsed(read.flatMap((one) => (one.ok ? [one.value] : [])))

/** A URL for each host of one URL. A mistake repeats no part of the text: any part may be a password. */
const urlOfEach: Parse<readonly string[]> = (text) => {
  const [, scheme = '', kind = '', authority = '', rest = ''] =
    /^(rediss?(?:\+(cluster|sentinel))?:\/\/)([^/?#]*)(.*)$/i.exec(text) ?? []
  if (scheme === '') return mistaken(form)
  // The password holds a character that ends the authority of a URL.
  if (rest.includes('@')) return mistaken(encode)
  const login = authority.slice(0, authority.lastIndexOf('@') + 1)
  if (!decodes(login) || (kind !== '' && /@.|,/.test(login))) return mistaken(encode)
  const [end, mistake] = ends[kind.toLowerCase()]!
  const hosts = authority.slice(login.length).split(',')
  const places = all((kind === '' ? [hosts.join()] : hosts).map((item) => place(item.trim())))
  if (!places.ok) return places
  if (!end.test(rest) || !decodes(rest)) return mistaken(mistake)
  return parsed(places.value.map((at) => `${scheme.toLowerCase()}${login}${at}${rest}`))
}

/**
 * One URL for each server: of a single Redis, of nodes of a Redis Cluster (several URLs, or `redis+cluster://` with one or more
 * hosts), or of Sentinels (`redis+sentinel://` with one or more hosts).
 */
export const redisUrls: Parse<readonly string[]> = (text) => {
  if (/^rediss?\+/i.test(text)) return urlOfEach(text)
  const items = text.split(',').map((item) => item.trim())
  // A password holds a comma.
  if (items.some((item) => item.includes('@') && !item.includes('://'))) return mistaken(encode)
  if (items.some((item) => /^rediss?\+/i.test(item))) return mistaken(form)
  const urls = all(items.map(urlOfEach))
  return urls.ok ? parsed(urls.value.flat()) : urls
}
