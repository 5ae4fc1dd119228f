import type { Peer } from '../../../proxy/bench/peer.ts'
import type { Sysctls } from './network.ts'

export type Side = {
  readonly name: string
  readonly congestion: string
  readonly sysctls: Sysctls
  /** Settings of the appliance, or the command of another proxy. */
  readonly runs: { readonly env: Readonly<Record<string, string>> } | Peer
}

/** The values of a new namespace. */
const usual: Sysctls = {
  'net.ipv4.tcp_notsent_lowat': '4294967295',
  'net.ipv4.tcp_slow_start_after_idle': '1',
  'net.ipv4.tcp_mtu_probing': '0',
}
const lowat = (bytes: number): Sysctls => ({ 'net.ipv4.tcp_notsent_lowat': `${bytes}` })
const afterIdle: Sysctls = { 'net.ipv4.tcp_slow_start_after_idle': '0' }
const probing: Sysctls = { 'net.ipv4.tcp_mtu_probing': '1' }

/** Each of these settings is left out where its default is measured. */
const bare = {
  FAST_MODE: { FAST_MODE: 'false' },
  pool: { MAX_CONNS_IN_POOL: '0' },
  buffers: { TO_CLT_BUFSIZE: '16384,0,16384', TO_TG_BUFSIZE: '16384' },
} as const

/** The sysctls of the namespace decide. */
const ofSystem = { TCP_CONGESTION: 'system', TCP_NOTSENT_LOWAT: '0' } as const

const untuned = (without?: keyof typeof bare) => ({
  env: Object.assign(
    {},
    ofSystem,
    ...Object.entries(bare)
      .filter(([name]) => name !== without)
      .map(([, env]) => env),
  ) as Readonly<Record<string, string>>,
})

const side = (
  name: string,
  congestion: 'bbr' | 'cubic',
  sysctls: Sysctls,
  runs: Side['runs'] = untuned(),
): Side => ({ name, congestion, sysctls: { ...usual, ...sysctls }, runs })

const tuned = (name: string, sysctls: Sysctls = {}): Side =>
  side(name, 'bbr', { ...afterIdle, ...probing, ...sysctls }, { env: name === 'tuned' ? {} : ofSystem })

/** Un-tuned first and last, tuned second and last but one: what drifts on this machine affects both alike. */
export const order = (other: Peer | null): readonly Side[] => [
  side('un-tuned', 'cubic', {}),
  tuned('tuned'),
  ...(other === null ? [] : [side('against', 'bbr', { ...afterIdle, ...probing }, other)]),
  side('pool', 'cubic', {}, untuned('pool')),
  side('FAST_MODE', 'cubic', {}, untuned('FAST_MODE')),
  side('buffers', 'cubic', {}, untuned('buffers')),
  side('BBR', 'bbr', {}),
  side('lowat 16384', 'cubic', lowat(16_384)),
  side('lowat 131072', 'cubic', lowat(131_072)),
  side('no slow start after idle', 'cubic', afterIdle),
  side('MTU probing', 'cubic', probing),
  tuned('tuned, lowat 16384', lowat(16_384)),
  tuned('tuned, lowat 131072', lowat(131_072)),
  ...(other === null ? [] : [side('against', 'bbr', { ...afterIdle, ...probing }, other)]),
  tuned('tuned'),
  side('un-tuned', 'cubic', {}),
]
