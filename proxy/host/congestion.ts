import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Congestion control of this host: the default, and the algorithms that every process may use. */
export type HostCongestion = { readonly usual: string; readonly allowed: readonly string[] }

export const hostCongestion = (folder = '/proc/sys/net/ipv4'): HostCongestion => {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'latin1').trim()
    } catch {
      return ''
    }
  }
  return {
    usual: read('tcp_congestion_control'),
    allowed: read('tcp_allowed_congestion_control').split(' '),
  }
}

/**
 * The algorithm to ask the kernel for, from TCP_CONGESTION; null: none. `auto` asks only for what every process gets: root
 * would load a module into the kernel of the host.
 */
export const congestionFor = (setting: string, { allowed }: HostCongestion): string | null => {
  if (setting === 'system') return null
  if (setting !== 'auto') return setting
  return allowed.includes('bbr') ? 'bbr' : null
}
