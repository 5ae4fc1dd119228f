import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Login } from '../wire/socks5.ts'
import type { LookUp } from './resolve.ts'
import type { Upstream } from './upstream.ts'

/** An upstream as UPSTREAMS has it: its name and interface are not looked up. */
export type UpstreamSetting = { readonly name: string; readonly weight: number | null } & (
  | { readonly kind: 'direct' }
  /** Either addresses, or an interface. */
  | { readonly kind: 'bind'; readonly addresses: readonly string[]; readonly device: string | null }
  | { readonly kind: 'socks5'; readonly host: string; readonly port: number; readonly login: Login | null }
)

type Interfaces = ReturnType<typeof networkInterfaces>

const addressesOf = (interfaces: Interfaces, device: string): readonly string[] =>
  (interfaces[device] ?? []).map(({ address }) => address).filter((address) => !/^fe80:/i.test(address))

/** Whether the addresses of this upstream may change. */
export const mayMove = (setting: UpstreamSetting): boolean =>
  setting.kind === 'socks5' ? isIP(setting.host) === 0 : setting.kind === 'bind' && setting.device !== null

/** Looks up the name of a SOCKS5 server, or the addresses of an interface. */
export const resolveUpstream = async (
  setting: UpstreamSetting,
  lookUp: LookUp,
  interfaces: () => Interfaces = networkInterfaces,
): Promise<Upstream> => {
  if (setting.kind === 'socks5') {
    const { host, ...rest } = setting
    return { ...rest, servers: isIP(host) > 0 ? [host] : await lookUp(host) }
  }
  if (setting.kind === 'direct' || setting.device === null) return setting
  return { ...setting, addresses: addressesOf(interfaces(), setting.device) }
}

/** What may be shown of an upstream: neither login nor address. */
export const upstreamText = (setting: UpstreamSetting): string => {
  if (setting.kind === 'direct') return setting.name
  const how = setting.kind === 'bind' ? 'bind' : setting.login === null ? 'SOCKS5' : 'SOCKS5 with login'
  return `${setting.name} (${how}${setting.weight === null ? '' : `, weight ${setting.weight}`})`
}
