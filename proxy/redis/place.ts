/** Where REDIS_URL leads. */
export type Place = {
  readonly kind: 'single' | 'cluster' | 'sentinel'
  /** The servers to ask: the Redis, nodes of the cluster, or the Sentinels. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly tls: boolean
  /** The login of Redis, not of the Sentinels. */
  readonly login: Login
  readonly db: number
  /** The name of the master, and the login of the Sentinels. */
  readonly master: string
  readonly sentinelLogin: Login
}
type Login = { readonly username?: string; readonly password?: string }

const loginOf = (username: string, password: string): Login => ({
  ...(username === '' ? {} : { username: decodeURIComponent(username) }),
  ...(password === '' ? {} : { password: decodeURIComponent(password) }),
})

/** Not by URLSearchParams, which takes a plus sign of a password for a space. */
const asked = (search: string, name: string): string =>
  new RegExp(`[?&]${name}=([^&]*)`).exec(search)?.[1] ?? ''

/** `urls` is a value of REDIS_URL that `config/redis-url.ts` has accepted: one URL for each server. */
export const placeOf = (urls: readonly string[]): Place => {
  const read = urls.map((url) => new URL(url))
  const [{ protocol, username, password, pathname, search } = new URL('redis://127.0.0.1')] = read
  const sentinel = protocol.endsWith('+sentinel:')
  const [, first = '', second = ''] = pathname.split('/')
  return {
    kind: sentinel ? 'sentinel' : urls.length > 1 || protocol.endsWith('+cluster:') ? 'cluster' : 'single',
    hosts: read.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || (sentinel ? 26_379 : 6_379)),
    })),
    tls: protocol.startsWith('rediss'),
    login: loginOf(username, password),
    db: Number(sentinel ? second : first),
    master: sentinel ? decodeURIComponent(first) : '',
    sentinelLogin: loginOf(asked(search, 'sentinelUsername'), asked(search, 'sentinelPassword')),
  }
}
