import { BlockList, isIP } from 'node:net'

/** The text of an address of 4 or 16 bytes. */
const textOf = (address: Buffer): string =>
  address.length === 4
    ? address.join('.')
    : Array.from({ length: 8 }, (_, at) => address.readUInt16BE(2 * at).toString(16)).join(':')

/** Whether an address of 4 or 16 bytes lies in one of `networks` (CIDR notation). */
export const networkList = (networks: readonly string[]): ((address: Buffer) => boolean) => {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const six = isIP(address) === 6
    list.addSubnet(address, Number(bits ?? (six ? 128 : 32)), six ? 'ipv6' : 'ipv4')
  }
  return (address) => list.check(textOf(address), address.length === 4 ? 'ipv4' : 'ipv6')
}
