import { isIP } from 'node:net'
import { hostAndPort } from '../net/host-name.ts'
import type { Value } from './value.ts'

/** `0.0.0.0`, 443 → `0.0.0.0:443`; IPv6 in brackets. */
export const networkOf = (host: string, port: string): string => {
  const bare = /^\[([^\]]*)\]$/.exec(host)?.[1] ?? host
  return hostAndPort(bare, port)
}

/** `0.0.0.0:443`, `[::]:443` and `:443` → host and port; an empty host is every address. */
export const splitPlace = (text: string): { host: string; port: string } | null => {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? []
  const bare = /^\[([^\]]*)\]$/.exec(host)?.[1] ?? host
  return port === '' || (bare.includes(':') && isIP(bare) !== 6) ? null : { host: bare, port }
}

/** The URL of a SOCKS5 server. */
export const socksOf = (host: string, port: string, user?: Value, password?: Value): string => {
  const login =
    typeof user === 'string' && user !== ''
      ? `${encodeURIComponent(user)}:${encodeURIComponent(String(password ?? ''))}@`
      : ''
  return `socks5://${login}${networkOf(host, port)}`
}
