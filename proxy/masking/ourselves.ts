import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Address } from '../datacenter/directory.ts'

export type Ourselves = {
  /** Where the proxy listens, on every address of this machine. */
  readonly port: number
  /** The address and port in the links. */
  readonly publicHost: string | null
  readonly publicPort: number | null
}

/** Whether the proxy itself listens on that address: a fronted connection would loop endlessly. */
export const isOurselves = ({ host, port }: Address, ourselves: Ourselves): boolean => {
  if (host.startsWith('/')) return false
  const ours = new BlockList()
  const add = (address: string): void => {
    if (isIP(address) > 0) ours.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  if (port === ourselves.port || port === ourselves.publicPort) add(ourselves.publicHost ?? '')
  if (port === ourselves.port) {
    ours.addSubnet('127.0.0.0', 8, 'ipv4')
    for (const address of ['0.0.0.0', '::', '::1']) add(address)
    for (const all of Object.values(networkInterfaces())) for (const { address } of all ?? []) add(address)
  }
  return ours.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}
